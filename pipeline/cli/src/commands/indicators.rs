//! `indicators`: what the registry has.

use crate::{
    args::{Format, IndicatorsArgs},
    exit::usage,
    output::Output,
    talk::print,
};
use arrow::{
    array::{ArrayRef, RecordBatch, StringArray, UInt64Array},
    datatypes::{DataType, Field, Schema},
};
use candleflow_config::nearest;
use candleflow_engine::{Description, indicators as registry};
use std::{process::ExitCode, sync::Arc};

pub(super) fn indicators(args: &IndicatorsArgs) -> anyhow::Result<ExitCode> {
    if args.page {
        // Without one more line end: what is printed is the file.
        print(candleflow_engine::indicators_page().trim_end())?;
        return Ok(ExitCode::SUCCESS);
    }
    let some = chosen(args)?;
    match (args.format, args.name.is_some()) {
        (Format::Table, true) => some.iter().try_for_each(|one| print(&page(one)))?,
        (Format::Json, _) => {
            some.iter().try_for_each(|one| Ok::<_, anyhow::Error>(print(&serde_json::to_string(one)?)?))?
        }
        (format, _) => {
            let rows = rows(&some)?;
            let rows = if format == Format::Table { rows.project(&[0, 1, 10, 4, 5, 6, 7, 8])? } else { rows };
            let mut output = Output::new(format, rows.schema(), Box::new(std::io::stdout()))?;
            output.write(&rows)?;
            output.finish()?;
        }
    }
    Ok(ExitCode::SUCCESS)
}

fn chosen(args: &IndicatorsArgs) -> anyhow::Result<Vec<Description>> {
    let all: Vec<Description> = registry::all().collect();
    if let Some(name) = &args.name {
        let known = all.iter().map(|d| d.name);
        let found = registry::one(name);
        return found
            .map(|one| vec![one])
            .ok_or_else(|| usage(format!("there is no indicator '{name}'{}", nearest(name, known))));
    }
    let Some(group) = &args.group else { return Ok(all) };
    let some: Vec<_> = all.iter().filter(|d| d.group.eq_ignore_ascii_case(group)).cloned().collect();
    match some.is_empty() {
        true => {
            Err(usage(format!("there is no family '{group}'{}", nearest(group, all.iter().map(|d| d.group.as_str())))))
        }
        false => Ok(some),
    }
}

/// All of one, for people.
fn page(one: &Description) -> String {
    let mut lines = vec![one.usage.clone(), format!("{} ({})", one.doc, one.group), String::new()];
    lines.push(format!("columns    {}", one.inputs.join(", ")));
    for (place, param) in one.params.iter().enumerate() {
        let head = if place == 0 { "parameters" } else { "" };
        lines.push(format!("{head:<10} {}: {}, default {}", param.name, param.range, param.default));
    }
    for (place, output) in one.outputs.iter().enumerate() {
        let head = if place == 0 { "outputs" } else { "" };
        let alias = output.alias.map_or(String::new(), |alias| format!(" (also {alias})"));
        lines.push(format!("{head:<10} {}{alias}: {}", output.name, output.kind));
    }
    lines.push(format!("class      {}", one.class));
    lines.push(format!("first      row {} has the first value", one.first_row));
    lines.push(match one.settled {
        Some(rows) => format!("settled    from row {rows} on, within 1e-8 of what a longer history gives"),
        None => "settled    never: the first row matters for good".to_owned(),
    });
    lines.push(format!("state      {} bytes", one.state_bytes));
    lines.push(format!("source     {}", one.source));
    lines.push(String::new());
    lines.push(format!("pipeline   {}", one.pipeline));
    lines.push(format!("SQL        {}", one.sql));
    if !one.params.is_empty() {
        lines.push("\nFigures are those of the defaults.".to_owned());
    }
    lines.join("\n")
}

fn rows(some: &[Description]) -> anyhow::Result<RecordBatch> {
    let text = |of: &dyn Fn(&Description) -> String| -> ArrayRef {
        Arc::new(StringArray::from_iter_values(some.iter().map(of)))
    };
    let count = |of: &dyn Fn(&Description) -> Option<usize>| -> ArrayRef {
        Arc::new(some.iter().map(|d| of(d).map(|n| n as u64)).collect::<UInt64Array>())
    };
    let params = |d: &Description| {
        let one = |p: &registry::Parameter| format!("{}: {}, default {}", p.name, p.range, p.default);
        d.params.iter().map(one).collect::<Vec<_>>().join("; ")
    };
    let columns: Vec<(&str, ArrayRef)> = vec![
        ("name", text(&|d| d.name.to_owned())),
        ("group", text(&|d| d.group.clone())),
        ("call", text(&|d| d.usage.clone())),
        ("params", text(&params)),
        ("outputs", text(&|d| d.outputs.iter().map(|o| o.name).collect::<Vec<_>>().join(", "))),
        ("class", text(&|d| d.class.clone())),
        ("first_row", count(&|d| Some(d.first_row))),
        ("settled", count(&|d| d.settled)),
        ("state_bytes", count(&|d| Some(d.state_bytes))),
        ("inputs", text(&|d| d.inputs.join(", "))),
        ("doc", text(&|d| d.doc.to_owned())),
        ("source", text(&|d| d.source.to_owned())),
        ("pipeline", text(&|d| d.pipeline.clone())),
        ("sql", text(&|d| d.sql.clone())),
    ];
    let field = |(name, array): &(&str, ArrayRef)| {
        Field::new(*name, array.data_type().clone(), array.data_type() != &DataType::Utf8)
    };
    let schema = Schema::new(columns.iter().map(field).collect::<Vec<_>>());
    Ok(RecordBatch::try_new(Arc::new(schema), columns.into_iter().map(|(_, array)| array).collect())?)
}
