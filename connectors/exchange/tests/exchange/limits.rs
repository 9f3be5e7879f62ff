use crate::support::{DAY, Exchange, MINUTE, STILL, minutes};
use candleflow_exchange::{ExchangeConfig, ExchangeError, Limits, Market, Speed, serve};
use candleflow_schema::Clock;
use tokio_tungstenite::{connect_async, tungstenite::Error};
use tokio_util::sync::CancellationToken;

async fn limited(limits: Limits, at: i64, speed: Speed) -> Exchange {
    let config = ExchangeConfig { speed, start: Some(at), limits, ..Default::default() };
    Exchange::start(config, Market::replay(minutes("BTCUSDT", 0..100)).unwrap()).await
}

async fn refused(x: &Exchange) -> u16 {
    match connect_async(format!("{}/ws", x.running.ws_url)).await {
        Err(Error::Http(response)) => {
            assert_eq!(response.headers()["x-candleflow-simulated"], "true");
            assert!(response.headers().contains_key("retry-after"));
            response.status().as_u16()
        }
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn too_much_weight_is_refused_then_banned_and_streams_with_it() {
    let limits = Limits { weight_per_minute: 21, refusals_before_ban: 2, ..Limits::default() };
    let x = limited(limits, DAY + 10 * MINUTE + 25_000_000, STILL).await;
    assert_eq!(x.get("/api/v3/exchangeInfo").await.status, 200);
    assert_eq!(x.get("/api/v3/ping").await.used(), 21);
    let info = x.get("/control/state").await;
    assert_eq!(info.status, 200, "control is not limited");
    for used in [23, 25] {
        let refused = x.get("/api/v3/klines").await;
        assert_eq!((refused.status, refused.used()), (429, used), "the limiter comes before the parameters");
        assert_eq!(refused.headers["retry-after"], "35");
        assert_eq!(
            refused.text,
            r#"{"code":-1003,"msg":"Too much request weight used; current limit is 21 request weight per 1 MINUTE. Please use WebSocket Streams for live updates to avoid polling the API."}"#
        );
    }
    let banned = x.get("/api/v3/ping").await;
    assert_eq!((banned.status, banned.used()), (418, 26));
    let until: i64 = banned.json()["msg"]
        .as_str()
        .unwrap()
        .split("until ")
        .nth(1)
        .unwrap()
        .split('.')
        .next()
        .unwrap()
        .parse()
        .unwrap();
    let from = (DAY + 10 * MINUTE) / 1_000 + 25_000 + 120_000;
    assert!((from..from + 1_000).contains(&until), "{until}");
    assert!(["120", "119"].contains(&banned.headers["retry-after"].as_str()));
    assert_eq!(x.get("/nothing").await.status, 404, "the path comes before the limiter");
    assert_eq!(refused(&x).await, 418);
    assert_eq!(x.send("DELETE", "/control/ban", "").await.status, 204);
    assert_eq!(x.get("/api/v3/ping").await.used(), 1);
    x.stop().await;
}

#[tokio::test]
async fn windows_and_bans_end_on_the_markets_clock() {
    let limits = Limits { weight_per_minute: 5, refusals_before_ban: 0, ..Limits::default() };
    // A minute takes half a second, the first ban a second.
    let x = limited(limits, DAY, Speed::Scaled(120.0)).await;
    x.until("it was banned", async |x| x.get("/api/v3/ping").await.status == 418).await;
    let banned = x.get("/api/v3/ping").await;
    assert_eq!(banned.status, 418);
    // Who asks on while banned is banned again: this client waits, as told, on the market's clock.
    let wait: i64 = banned.headers["retry-after"].parse().unwrap();
    assert!((1..=120).contains(&wait));
    let over = x.running.clock().now() + (wait + 60) * 1_000_000;
    x.until("the ban was over", async |x| x.running.clock().now() >= over).await;
    let served = x.get("/api/v3/ping").await;
    assert_eq!((served.status, served.used()), (200, 1), "another minute has begun");
    x.stop().await;
}

#[tokio::test]
async fn a_ban_by_command_and_its_end() {
    let x = limited(Limits::default(), DAY, Speed::Scaled(60.0)).await;
    let ban = x.send("POST", "/control/ban", r#"{"seconds":30}"#).await.json();
    assert_eq!(ban["address"], "127.0.0.1");
    let banned = x.get("/api/v3/time").await;
    assert_eq!((banned.status, banned.code()), (418, -1003));
    x.until("half a second has passed", async |x| x.get("/api/v3/time").await.status == 200).await;
    assert_eq!(x.send("POST", "/control/ban", "{}").await.status, 400);
    x.stop().await;
}

#[tokio::test]
async fn connections_are_counted_over_five_minutes_and_at_once() {
    let limits = Limits { connections_per_5_minutes: 2, ..Limits::default() };
    let x = limited(limits, DAY, STILL).await;
    let (_a, _b) = (x.connect("/ws").await, x.connect("/stream").await);
    assert_eq!(refused(&x).await, 429);
    x.stop().await;
    let x = limited(Limits { open_connections: 1, ..Limits::default() }, DAY, STILL).await;
    let first = x.connect("/ws").await;
    let full = connect_async(format!("{}/ws", x.running.ws_url)).await.unwrap_err();
    assert!(matches!(full, Error::Http(r) if r.status() == 503));
    drop(first);
    x.until("the first is gone", async |x| x.state().await["connections"] == 0).await;
    x.connect("/ws").await;
    x.stop().await;
}

#[tokio::test]
async fn it_listens_on_this_machine_only_unless_told() {
    let market = || Market::replay(minutes("BTCUSDT", 0..2)).unwrap();
    let open = ExchangeConfig { listen: "0.0.0.0:0".parse().unwrap(), ..Default::default() };
    let refused = serve(open.clone(), market(), CancellationToken::new()).await.unwrap_err();
    assert!(matches!(refused, ExchangeError::NotLoopback(_)));
    let x = Exchange::start(ExchangeConfig { allow_remote: true, ..open }, market()).await;
    x.stop().await;
    let taken = Exchange::still(minutes("BTCUSDT", 0..2), DAY).await;
    let same = ExchangeConfig { listen: taken.running.addr, ..Default::default() };
    assert!(matches!(serve(same, market(), CancellationToken::new()).await, Err(ExchangeError::Listen { .. })));
    let never = ExchangeConfig { speed: Speed::Scaled(f64::NAN), ..Default::default() };
    assert!(matches!(serve(never, market(), CancellationToken::new()).await, Err(ExchangeError::Setting { .. })));
    let from_page = taken.get_with("/control/state", &[("origin", "http://example.com")]).await;
    assert_eq!(from_page.status, 403, "web pages have no control");
    taken.stop().await;
    let without = ExchangeConfig { control: false, ..Default::default() };
    let x = Exchange::start(without, market()).await;
    assert_eq!(x.get("/control/clock").await.status, 404);
    x.stop().await;
}
