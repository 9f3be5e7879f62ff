//! `explain`, `validate`, `schema`: what can be said of a pipeline without data.

use crate::{args::FileArgs, exit::usage, talk::print, wiring::run::prepare};
use std::process::ExitCode;

pub(super) fn explain(args: &FileArgs) -> anyhow::Result<ExitCode> {
    let prepared = prepare(&args.file, &args.set, &[])?;
    let symbols: Vec<&str> = prepared.compiled.iter().map(|c| c.symbol.as_str()).collect();
    let wanted = args.symbol.as_deref();
    if let Some(symbol) = wanted.filter(|s| !symbols.contains(s)) {
        return Err(usage(format!("the pipeline has no symbol {symbol}, it has {}", symbols.join(", "))));
    }
    let state = prepared.session.state();
    let mut plans: Vec<(Vec<&str>, String)> = Vec::new();
    for compiled in prepared.compiled.iter().filter(|c| wanted.is_none_or(|w| w == c.symbol)) {
        let text = candleflow_engine::explain(compiled, &state)?;
        let body = text.split_once('\n').map_or("", |(_, body)| body).to_owned();
        match plans.iter_mut().find(|(_, known)| *known == body) {
            Some((symbols, _)) => symbols.push(&compiled.symbol),
            None => plans.push((vec![&compiled.symbol], body)),
        }
    }
    let settings = candleflow_config::in_force(&prepared.document);
    if !settings.is_empty() {
        let profile = prepared.document.profile.as_ref().map_or(String::new(), |p| {
            format!(", where the file says nothing those of the profile {}", p.value.name())
        });
        print(&format!("settings in force{profile}\n{settings}"))?;
    }
    for (symbols, body) in plans {
        print(&format!("{}: {}\n{body}", prepared.document.name.value, symbols.join(", ")))?;
    }
    if let Some(account) = candleflow_engine::explain_account(&prepared.compiled, &state)? {
        print(&account)?;
    }
    Ok(ExitCode::SUCCESS)
}

pub(super) fn validate(args: &FileArgs) -> anyhow::Result<ExitCode> {
    let prepared = prepare(&args.file, &args.set, &[])?;
    let columns = prepared.document.columns.len();
    let strategy = if prepared.document.strategy.is_some() { "a strategy" } else { "no strategy" };
    print(&format!(
        "{}: good: {} symbols, {columns} columns, {strategy}",
        args.file.display(),
        prepared.compiled.len()
    ))?;
    Ok(ExitCode::SUCCESS)
}

pub(super) fn schema() -> anyhow::Result<ExitCode> {
    let functions = candleflow_engine::indicators::all().map(|d| candleflow_config::Function {
        name: d.name.to_owned(),
        usage: d.usage,
        call: format!("{}({})", d.name, d.inputs.join(", ")),
        doc: d.doc.to_owned(),
    });
    let functions: Vec<_> = functions.collect();
    print(&serde_json::to_string_pretty(&candleflow_config::json_schema(&functions))?)?;
    Ok(ExitCode::SUCCESS)
}
