//! The account over all symbols, from the plans of its symbols.
//!
//! Each symbol has a plan of its own, because parameters may differ by symbol; the account has one specification. So the
//! plans must agree in everything but numbers inside expressions.

use crate::{
    compile::{Compiled, node::StrategyPlan, program::Programs},
    lower::Binding,
};
use candleflow_kernels::strategy::{Engine, Scope, Spec, SymbolSpec};
use candleflow_schema::Micros;
use candleflow_stream::{Chain, Member, Portfolio};
use datafusion::{
    arrow::datatypes::SchemaRef,
    common::{DataFusionError, Result, internal_datafusion_err},
};

/// The account behind `chains`, which are those of `compiled`; `None` where each symbol has its own.
///
/// # Errors
/// When parameters of one symbol give its rules another shape than those of the first.
pub fn portfolio(compiled: &[Compiled], chains: &[&Chain], binding: &Binding) -> Result<Option<Portfolio>> {
    let Some(first) = compiled.first().and_then(Compiled::strategy_plan) else { return Ok(None) };
    if first.spec.account.scope != Scope::Portfolio {
        return Ok(None);
    }
    let mut account = Gathering::default();
    for (one, chain) in compiled.iter().zip(chains) {
        let plan = one.strategy_plan().ok_or_else(|| internal_datafusion_err!("{} does not trade", one.symbol))?;
        let schema = chain.schema().ok_or_else(|| internal_datafusion_err!("a chain without operators"))?;
        account.join(&one.symbol, plan, schema, binding)?;
    }
    account.open(binding.from).map(Some)
}

/// An account over all symbols that they join one by one, in listed order.
#[derive(Default)]
pub struct Gathering {
    first: Option<First>,
    filters: Vec<SymbolSpec>,
    members: Vec<Member>,
}

/// What the first symbol says of the account, and the others must agree with.
struct First {
    symbol: String,
    spec: Spec,
    tags: Vec<String>,
}

impl Gathering {
    pub(crate) fn join(
        &mut self,
        symbol: &str,
        plan: &StrategyPlan,
        schema: SchemaRef,
        binding: &Binding,
    ) -> Result<()> {
        let first = self.first.get_or_insert_with(|| First {
            symbol: symbol.to_owned(),
            spec: plan.spec.clone(),
            tags: plan.tags.clone(),
        });
        if plan.spec != first.spec {
            return Err(DataFusionError::Plan(format!(
                "the parameters of {symbol} give its rules another shape than those of {}: symbols of one account may differ in numbers inside expressions only",
                first.symbol
            )));
        }
        self.filters.push(binding.statics.filters_of(symbol, plan));
        self.members.push(Member {
            symbol: symbol.to_owned(),
            schema,
            slots: plan.slots.clone(),
            rules: Box::new(Programs::new(plan.programs.clone())),
            funding: binding.statics.funding_of(symbol),
        });
        Ok(())
    }

    /// The account; bars at or before `from` are warm-up.
    ///
    /// # Errors
    /// When nobody joined, or the engine refuses what was asked.
    pub fn open(self, from: Micros) -> Result<Portfolio> {
        let plan = |e: &dyn std::fmt::Display| DataFusionError::Plan(e.to_string());
        let First { spec, tags, .. } =
            self.first.ok_or_else(|| internal_datafusion_err!("an account without symbols"))?;
        let engine = Engine::new(spec, self.filters).map_err(|e| plan(&e))?;
        Portfolio::new(engine, self.members, tags, from).map_err(|e| plan(&e))
    }
}
