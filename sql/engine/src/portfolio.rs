//! The account over all symbols, from the plans of its symbols.
//!
//! Each symbol has a plan of its own, because parameters may differ by symbol; the account has one specification. So the
//! plans must agree in everything but numbers inside expressions.

use crate::{
    compile::{Compiled, program::Programs},
    lower::Binding,
};
use candleflow_kernels::strategy::{Engine, Scope};
use candleflow_stream::{Chain, Member, Portfolio};
use datafusion::common::{DataFusionError, Result, internal_datafusion_err};

/// The account behind `chains`, which are those of `compiled`; `None` where each symbol has its own.
///
/// # Errors
/// When parameters of one symbol give its rules another shape than those of the first.
pub fn portfolio(compiled: &[Compiled], chains: &[&Chain], binding: &Binding) -> Result<Option<Portfolio>> {
    let Some(first) = compiled.first().and_then(Compiled::strategy_plan) else { return Ok(None) };
    if first.spec.account.scope != Scope::Portfolio {
        return Ok(None);
    }
    let (mut members, mut filters) = (Vec::new(), Vec::new());
    for (one, chain) in compiled.iter().zip(chains) {
        let plan = one.strategy_plan().ok_or_else(|| internal_datafusion_err!("{} does not trade", one.symbol))?;
        if plan.spec != first.spec {
            return Err(DataFusionError::Plan(format!(
                "the parameters of {} give its rules another shape than those of {}: symbols of one account may differ in numbers inside expressions only",
                one.symbol, compiled[0].symbol
            )));
        }
        let schema = chain.schema().ok_or_else(|| internal_datafusion_err!("a chain without operators"))?;
        filters.push(binding.statics.filters_of(&one.symbol, plan));
        members.push(Member {
            symbol: one.symbol.clone(),
            schema,
            slots: plan.slots.clone(),
            rules: Box::new(Programs::new(plan.programs.clone())),
            funding: binding.statics.funding_of(&one.symbol),
        });
    }
    let plan = |e: &dyn std::fmt::Display| DataFusionError::Plan(e.to_string());
    let engine = Engine::new(first.spec.clone(), filters).map_err(|e| plan(&e))?;
    Portfolio::new(engine, members, first.tags.clone(), binding.from).map(Some).map_err(|e| plan(&e))
}
