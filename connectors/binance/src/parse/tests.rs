use super::*;
use proptest::prelude::*;

fn read(body: &str) -> Rows {
    klines(body.as_bytes(), "test", &"BNBBTC".into(), Interval::M1).unwrap()
}

const ROW: &str = r#"[1499040000000,"0.01634790","0.80000000","0.01575800","0.01577100","148976.11427815",1499644799999,"2434.19055334",308,"1756.87402397","28.46694368","0"]"#;

#[test]
fn a_row_of_the_documentation() {
    let rows = klines(format!("[{ROW}]").as_bytes(), "test", &"BNBBTC".into(), Interval::W1).unwrap();
    let bar = &rows.rows[0].bar;
    assert_eq!((bar.open, bar.high, bar.low, bar.close), (1_634_790, 80_000_000, 1_575_800, 1_577_100));
    assert_eq!((bar.volume, bar.quote_volume), (14_897_611_427_815, Some(243_419_055_334)));
    assert_eq!((bar.trades, bar.taker_buy_volume), (Some(308), Some(175_687_402_397)));
    assert_eq!(bar.taker_buy_quote_volume, Some(2_846_694_368));
    assert_eq!(bar.open_time, 1_499_040_000_000_000);
    assert_eq!(rows.rows[0].over, bar.time(), "the close time is a millisecond before the end");
}

#[test]
fn null_is_no_value_and_a_thirteenth_element_is_ignored() {
    let rows = read(r#"[[1499040000000,"1","2","1","2","3",1499040059999,null,null,null,null,"0",{"new":[1]}]]"#);
    let bar = &rows.rows[0].bar;
    assert_eq!(
        (bar.quote_volume, bar.trades, bar.taker_buy_volume, bar.taker_buy_quote_volume),
        (None, None, None, None)
    );
    assert_eq!(bar.volume, 300_000_000);
}

#[test]
fn a_bar_cut_by_a_halt_is_over_only_at_its_nominal_end() {
    let rows = read(r#"[[1515034800000,"1","2","1","2","3",1515034814838,null,null,null,null,"0"]]"#);
    assert_eq!(rows.rows[0].over, rows.rows[0].bar.time());
}

#[test]
fn microseconds_are_told_by_their_size() {
    let ms = read(r#"[[1499040000000,"1","2","1","2","3",1499040059999,null,null,null,null,"0"]]"#);
    let us = read(r#"[[1499040000000000,"1","2","1","2","3",1499040059999999,null,null,null,null,"0"]]"#);
    assert_eq!(ms.rows[0].bar, us.rows[0].bar);
}

#[test]
fn a_bad_row_spoils_only_itself() {
    let good = |t: i64| format!(r#"[{t},"1","2","1","2","3",{t},null,null,null,null,"0"]"#);
    let bad = [
        r#"[1499040060000,"x","2","1","2","3",1499040119999,null,null,null,null,"0"]"#,
        r#"[1499040120000,"1","2","1","3","3",1499040179999,null,null,null,null,"0"]"#,
        r#"[7,"1","2","1","2","3",8,null,null,null,null,"0"]"#,
        r#"[1499040240000,"1"]"#,
        r#"{}"#,
        &good(1_499_040_000_000),
    ];
    let body = format!("[{},{},{}]", good(1_499_040_000_000), bad.join(","), good(1_499_040_600_000));
    let rows = read(&body);
    assert_eq!((rows.rows.len(), rows.count), (2, 8));
    let reasons: Vec<_> = rows.quarantined.iter().map(|q| (q.place, q.reason.as_str())).collect();
    assert_eq!(
        reasons,
        [
            (2, "column open: 'x' is not a decimal number"),
            (3, "open or close lie outside low and high"),
            (4, "7 is not a time between 1990 and 2100"),
            (5, "invalid length 2, expected an array of 12 elements at line 1 column 19"),
            (6, "invalid type: map, expected an array of 12 elements at line 1 column 0"),
            (7, "the bar is older than the one before it"),
        ]
    );
    assert_eq!(rows.last_open, Some(1_499_040_600_000_000));
    let only_bad = read(&format!("[{}]", bad[0]));
    assert_eq!(only_bad.last_open, Some(1_499_040_060_000_000), "paging gets past it");
}

#[test]
fn a_truncated_body_is_an_error() {
    let error = klines(br#"[[1499040000000,"1","#, "test", &"X".into(), Interval::M1).unwrap_err();
    assert!(error.contains("EOF"), "{error}");
    assert!(klines(b"<html>", "test", &"X".into(), Interval::M1).is_err());
}

const EVENT: &str = r#"{"e":"kline","E":1672515782136,"s":"BNBBTC","k":{"t":1672515780000,"T":1672515839999,"s":"BNBBTC","i":"1m","f":100,"L":200,"o":"0.0010","c":"0.0020","h":"0.0025","l":"0.0010","v":"1000","n":100,"x":true,"q":"1.0000","V":"500","Q":"0.500","B":"123456","new":1}}"#;

#[test]
fn a_kline_event_bare_or_combined_has_every_field_of_a_row() {
    let combined = format!(r#"{{"stream":"bnbbtc@kline_1m","data":{EVENT}}}"#);
    for text in [EVENT, &combined] {
        let Frame::Kline(update) = frame(text) else { panic!("{text}") };
        assert!(update.closed);
        assert_eq!(update.sent, 1_672_515_782_136_000);
        let bar = update.bar;
        assert_eq!((bar.symbol.as_ref(), bar.interval, bar.origin), ("BNBBTC", Interval::M1, Origin::Stream));
        assert_eq!((bar.open, bar.high, bar.low, bar.close), (100_000, 250_000, 100_000, 200_000));
        assert_eq!((bar.volume, bar.quote_volume, bar.trades), (100_000_000_000, Some(100_000_000), Some(100)));
        assert_eq!((bar.taker_buy_volume, bar.taker_buy_quote_volume), (Some(50_000_000_000), Some(50_000_000)));
    }
}

#[test]
fn control_frames_are_matched_by_id() {
    assert!(matches!(frame(r#"{"result":null,"id":312}"#), Frame::Ack(312)));
    for text in [r#"{"error":{"code":2,"msg":"no"},"id":4}"#, r#"{"code":2,"msg":"no","id":4}"#] {
        assert!(matches!(frame(text), Frame::Refused { id: Some(4), code: 2, ref msg } if msg == "no"), "{text}");
    }
    for text in [
        r#"{"e":"serverShutdown","E":1770123456789}"#,
        r#"{"stream":"!serverShutdown","data":{"e":"serverShutdown","E":1770123456789}}"#,
    ] {
        assert!(matches!(frame(text), Frame::Shutdown), "{text}");
    }
    assert!(matches!(frame(r#"{"stream":"x@newThing","data":{"e":"newThing"}}"#), Frame::Other(k) if k == "newThing"));
    assert!(matches!(frame(r#"{"stream":"x@bookTicker","data":{"u":1}}"#), Frame::Other(k) if k == "x@bookTicker"));
    assert!(matches!(frame("{"), Frame::Bad(_)));
}

#[test]
fn a_status_and_a_filter_from_the_future_are_data() {
    let body = br#"{"serverTime":1770123456789,"rateLimits":[{"rateLimitType":"REQUEST_WEIGHT","interval":"MINUTE","intervalNum":1,"limit":6000}],
        "symbols":[{"symbol":"A","status":"NAPPING","baseAsset":"A","quoteAsset":"B","filters":[{"filterType":"NEW","x":[1]},
        {"filterType":"LOT_SIZE","minQty":"0.1","maxQty":"5","stepSize":"0.1"}]}],"sors":[]}"#;
    let info = exchange_info(body).unwrap();
    let a = &info.instruments["A"];
    assert_eq!(a.status, SymbolStatus::Other("NAPPING".into()));
    assert_eq!((a.filters.step, a.filters.names.len()), (Some(10_000_000), 2));
    assert_eq!(info.weight_limit, Some(6000));
}

#[test]
fn a_ban_says_when_it_ends() {
    assert_eq!(banned_until("IP banned until 1660090423228. Please"), Some(1_660_090_423_228_000));
    assert_eq!(banned_until("Way too many requests; IP banned until 1515929738237"), Some(1_515_929_738_237_000));
    assert_eq!(banned_until("until tomorrow"), None);
    assert_eq!(banned_until(""), None);
}

#[test]
fn prices_of_one_and_of_many() {
    let one = prices(br#"{"symbol":"BTCUSDT","price":"60740.00000000"}"#).unwrap();
    assert_eq!(one["BTCUSDT"], 6_074_000_000_000);
    assert_eq!(prices(br#"[{"symbol":"A","price":"1"},{"symbol":"B","price":"2"}]"#).unwrap().len(), 2);
    assert!(prices(br#"[{"symbol":"A","price":"x"}]"#).unwrap_err().contains("A: column price"));
}

proptest! {
    #[test]
    fn any_bytes_give_a_value_or_an_error(bytes in proptest::collection::vec(any::<u8>(), 0..300)) {
        let _ = klines(&bytes, "test", &"X".into(), Interval::M1);
        let _ = (exchange_info(&bytes), server_time(&bytes), prices(&bytes), error_body(&bytes));
        let text = String::from_utf8_lossy(&bytes);
        let _ = (frame(&text), banned_until(&text));
    }

    #[test]
    fn any_change_of_a_real_text_gives_a_value_or_an_error(at in 0usize..400, with in ".{0,3}", cut in 0usize..5) {
        for text in [ROW, EVENT] {
            let chars: Vec<char> = text.chars().collect();
            let at = at.min(chars.len());
            let broken: String = chars[..at].iter().copied().chain(with.chars()).chain(chars[(at + cut).min(chars.len())..].iter().copied()).collect();
            let _ = klines(format!("[{broken}]").as_bytes(), "test", &"X".into(), Interval::M1);
            let _ = frame(&broken);
        }
    }
}
