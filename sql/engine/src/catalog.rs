//! The lake as SQL sees it: every table at its newest version at the moment a query is planned.
//!
//! ```text
//!  klines_exact ─── the table `klines` of the lake: decimals as stored
//!  klines ───────── the same rows, prices and amounts as doubles made by `to_f64`
//!  coverage, ...─── the other tables; those that this engine knows answer with no rows before they are written
//! ```
//! A session made by [`lake_session`] asks the lake for the newest version whenever a name is looked up; [`pin`] looks up
//! all names of one query first, so that `klines` and `klines_exact` in one query are the same version of the same table.
//! Tables are views over [`LakeTable`](candleflow_lake::LakeTable): filters and columns reach the files through them.

mod decimals;
mod known;

pub use decimals::to_f64;
pub use known::{RUNS, schema_of};

use arrow::datatypes::{DataType, Field, SchemaRef};
use async_trait::async_trait;
use candleflow_lake::{At, Error, KLINES_TABLE, Lake, RUN_ID};
use datafusion::{
    catalog::{
        CatalogProvider, MemoryCatalogProvider, MemoryCatalogProviderList, MemorySchemaProvider, SchemaProvider,
        TableProvider, view::ViewTable,
    },
    catalog::{CatalogProviderList, empty::EmptyTable},
    common::{Column, DataFusionError, Result, ScalarValue, TableReference},
    datasource::provider_as_source,
    execution::{
        SessionStateBuilder,
        memory_pool::{FairSpillPool, TrackConsumersPool},
        runtime_env::RuntimeEnvBuilder,
    },
    logical_expr::{Expr, LogicalPlanBuilder},
    prelude::SessionContext,
};
use std::{
    collections::{BTreeMap, BTreeSet},
    fmt,
    num::NonZeroUsize,
    sync::{Arc, Mutex, PoisonError},
};

/// The catalogue's name in SQL: `candleflow.public.klines`.
pub const CATALOG: &str = "candleflow";
/// The name of its one schema.
pub const SCHEMA: &str = "public";
/// `klines` with its decimals.
pub const KLINES_EXACT: &str = "klines_exact";
/// So much memory may the queries of one session use together; sorts and aggregates write to disk beyond it, joins fail.
pub const MEMORY: usize = 1 << 30;
/// So much disk may they use for that.
const SPILL: u64 = 8 << 30;
/// Consumers of memory that an error names.
const NAMED_CONSUMERS: usize = 3;
/// Scalar functions that make much out of little outside of any memory limit.
const WITHOUT_BOUND: [&str; 7] = ["repeat", "lpad", "rpad", "array_repeat", "array_resize", "range", "generate_series"];

/// A session over a lake in which SQL names its tables, and nothing else: no file, no URL, no table of its own.
///
/// # Errors
/// The storage's.
pub async fn lake_session(lake: &Lake) -> Result<SessionContext> {
    session_with(lake, names(lake).await.map_err(external)?)
}

/// The same without asking the lake for anything: names are looked up as they come.
pub(crate) fn session_with(lake: &Lake, names: Vec<String>) -> Result<SessionContext> {
    let base = crate::session().state();
    let pool = FairSpillPool::new(MEMORY);
    let named = NonZeroUsize::new(NAMED_CONSUMERS).unwrap_or(NonZeroUsize::MIN);
    let runtime = RuntimeEnvBuilder::new()
        .with_memory_pool(Arc::new(TrackConsumersPool::new(pool, named)))
        .with_max_temp_directory_size(SPILL)
        .build_arc()?;
    let config = base.config().clone().with_default_catalog_and_schema(CATALOG, SCHEMA);
    let live = LiveSchema { lake: lake.clone(), names: Mutex::new(names) };
    let state = SessionStateBuilder::new_from_existing(base)
        .with_config(config.with_create_default_catalog_and_schema(false))
        .with_runtime_env(runtime)
        .with_catalog_list(catalogs(Arc::new(live))?)
        .with_analyzer_rule(Arc::new(decimals::DecimalCasts))
        .build();
    let session = SessionContext::new_with_state(state);
    session.register_udf(decimals::function());
    WITHOUT_BOUND.iter().for_each(|name| session.deregister_udf(name));
    Ok(session)
}

/// The names that SQL may use, sorted: the lake's tables, those that are known before they are written, the views.
///
/// # Errors
/// The storage's.
pub async fn names(lake: &Lake) -> Result<Vec<String>, Error> {
    let mut names: BTreeSet<String> = known::NAMES.iter().map(|n| (*n).to_owned()).collect();
    names.extend(lake.tables().await?);
    Ok(names.into_iter().collect())
}

/// A catalogue of some tables, each at its newest version now; names that are no table's are left out.
///
/// # Errors
/// The storage's.
pub async fn pin(lake: &Lake, names: impl IntoIterator<Item = String>) -> Result<Arc<dyn CatalogProviderList>> {
    let schema = MemorySchemaProvider::new();
    let mut stored = BTreeMap::new();
    for name in names {
        let source = source_of(&name).to_owned();
        let provider = match stored.get(&source) {
            Some(provider) => Arc::clone(provider),
            None => match stored_table(lake, &source).await? {
                Some(provider) => stored.entry(source).or_insert(provider).clone(),
                None => continue,
            },
        };
        schema.register_table(name.clone(), present(&name, provider)?)?;
    }
    catalogs(Arc::new(schema))
}

fn catalogs(schema: Arc<dyn SchemaProvider>) -> Result<Arc<dyn CatalogProviderList>> {
    let catalog = MemoryCatalogProvider::new();
    catalog.register_schema(SCHEMA, schema)?;
    let list = MemoryCatalogProviderList::new();
    list.register_catalog(CATALOG.to_owned(), Arc::new(catalog));
    Ok(Arc::new(list))
}

/// The table of the lake behind a name.
fn source_of(name: &str) -> &str {
    if name == KLINES_EXACT { KLINES_TABLE } else { name }
}

/// The newest version of a table of the lake, or no rows of one that is known.
async fn stored_table(lake: &Lake, name: &str) -> Result<Option<Arc<dyn TableProvider>>> {
    match lake.provider(name, &At::Latest).await {
        Ok(table) => Ok(Some(table)),
        Err(Error::NoTable(_) | Error::Name(_)) => {
            Ok(schema_of(name).map(|schema| Arc::new(EmptyTable::new(schema)) as Arc<dyn TableProvider>))
        }
        Err(error) => Err(external(error)),
    }
}

fn external(error: Error) -> DataFusionError {
    DataFusionError::External(Box::new(error))
}

/// A stored table under a name of SQL: known columns first and in their order, the run before all else, prices of
/// `klines` as doubles. A known column that an old table lacks is NULL.
fn present(name: &str, table: Arc<dyn TableProvider>) -> Result<Arc<dyn TableProvider>> {
    let stored = table.schema();
    let known = schema_of(source_of(name));
    let reference = TableReference::bare(source_of(name));
    let column = |field: &Field| -> Expr {
        let column = Expr::Column(Column::new(Some(reference.clone()), field.name()));
        match field.data_type() {
            DataType::Decimal128(..) if name == KLINES_TABLE => to_f64(column).alias(field.name()),
            _ => column.alias(field.name()),
        }
    };
    let mut columns = vec![];
    for field in order(&stored, known.as_ref()) {
        columns.push(match stored.field_with_name(field.name()) {
            Ok(found) => column(found),
            Err(_) => {
                let null = ScalarValue::try_from(field.data_type())?;
                Expr::Literal(null, None).alias(field.name())
            }
        });
    }
    let plan =
        LogicalPlanBuilder::scan(reference.clone(), provider_as_source(table), None)?.project(columns)?.build()?;
    Ok(Arc::new(ViewTable::new(plan, None)))
}

fn order(stored: &SchemaRef, known: Option<&SchemaRef>) -> Vec<Arc<Field>> {
    let mut fields: Vec<Arc<Field>> = known.map_or_else(Vec::new, |k| k.fields().to_vec());
    let rest: Vec<_> =
        stored.fields().iter().filter(|f| !fields.iter().any(|k| k.name() == f.name())).cloned().collect();
    fields.extend(rest);
    fields.sort_by_key(|f| f.name() != RUN_ID);
    fields
}

/// Looks a table up in the lake each time it is named.
struct LiveSchema {
    lake: Lake,
    /// As last listed: DataFusion asks for names where it cannot wait for an answer.
    names: Mutex<Vec<String>>,
}

impl LiveSchema {
    fn known_names(&self) -> std::sync::MutexGuard<'_, Vec<String>> {
        self.names.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl fmt::Debug for LiveSchema {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("LiveSchema").field("lake", &self.lake).finish()
    }
}

#[async_trait]
impl SchemaProvider for LiveSchema {
    fn table_names(&self) -> Vec<String> {
        self.known_names().clone()
    }

    async fn table(&self, name: &str) -> Result<Option<Arc<dyn TableProvider>>> {
        let Some(table) = stored_table(&self.lake, source_of(name)).await? else { return Ok(None) };
        if !self.table_exist(name) {
            let listed = names(&self.lake).await.map_err(external)?;
            *self.known_names() = listed;
        }
        present(name, table).map(Some)
    }

    fn table_exist(&self, name: &str) -> bool {
        self.known_names().iter().any(|n| n == name)
    }
}
