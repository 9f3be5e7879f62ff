//! Transcendental functions from one compiled-in implementation (`libm`), under DataFusion's own names, so that a digest
//! does not depend on the platform's mathematics library. A result that is not a number is NULL.

use arrow::{
    array::{ArrayRef, AsArray, Float64Array},
    datatypes::{DataType, Float64Type},
};
use datafusion::{
    common::{Result, cast::as_float64_array},
    logical_expr::{ColumnarValue, ScalarFunctionArgs, ScalarUDF, ScalarUDFImpl, Signature, Volatility},
};
use std::{
    hash::{Hash, Hasher},
    sync::Arc,
};

/// Functions of one number: name, other names, what it computes.
type Unary = (&'static str, &'static [&'static str], fn(f64) -> f64);
/// Functions of two numbers.
type Binary = (&'static str, &'static [&'static str], fn(f64, f64) -> f64);

/// Functions of one number.
const UNARY: &[Unary] = &[
    ("acos", &[], libm::acos),
    ("acosh", &[], libm::acosh),
    ("asin", &[], libm::asin),
    ("asinh", &[], libm::asinh),
    ("atan", &[], libm::atan),
    ("atanh", &[], libm::atanh),
    ("cbrt", &[], libm::cbrt),
    ("cos", &[], libm::cos),
    ("cosh", &[], libm::cosh),
    ("exp", &[], libm::exp),
    ("ln", &[], libm::log),
    ("log10", &[], libm::log10),
    ("log2", &[], libm::log2),
    ("sin", &[], libm::sin),
    ("sinh", &[], libm::sinh),
    ("sqrt", &[], libm::sqrt),
    ("tan", &[], libm::tan),
    ("tanh", &[], libm::tanh),
];

/// Functions of two numbers.
const BINARY: &[Binary] = &[("atan2", &[], libm::atan2), ("power", &["pow"], libm::pow), ("log", &[], log_of_base)];

fn log_of_base(base: f64, x: f64) -> f64 {
    libm::log(x) / libm::log(base)
}

/// All of them.
pub fn functions() -> Vec<ScalarUDF> {
    let one = UNARY.iter().map(|(name, aliases, f)| Function::new(name, aliases, Body::One(*f)));
    let two = BINARY.iter().map(|(name, aliases, f)| Function::new(name, aliases, Body::Two(*f)));
    one.chain(two).map(ScalarUDF::from).collect()
}

#[derive(Debug, Clone, Copy)]
enum Body {
    One(fn(f64) -> f64),
    Two(fn(f64, f64) -> f64),
}

#[derive(Debug, Clone)]
struct Function {
    name: &'static str,
    aliases: Vec<String>,
    body: Body,
    signature: Signature,
}

impl Function {
    fn new(name: &'static str, aliases: &[&str], body: Body) -> Self {
        let numbers = if matches!(body, Body::One(_)) { 1 } else { 2 };
        let signature = Signature::uniform(numbers, vec![DataType::Float64], Volatility::Immutable);
        Self { name, aliases: aliases.iter().map(|a| (*a).to_owned()).collect(), body, signature }
    }
}

impl PartialEq for Function {
    fn eq(&self, other: &Self) -> bool {
        self.name == other.name
    }
}

impl Eq for Function {}

impl Hash for Function {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.name.hash(state);
    }
}

impl ScalarUDFImpl for Function {
    fn name(&self) -> &str {
        self.name
    }

    fn aliases(&self) -> &[String] {
        &self.aliases
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn return_type(&self, _: &[DataType]) -> Result<DataType> {
        Ok(DataType::Float64)
    }

    fn invoke_with_args(&self, args: ScalarFunctionArgs) -> Result<ColumnarValue> {
        let scalar = args.args.iter().all(|a| matches!(a, ColumnarValue::Scalar(_)));
        let arrays = ColumnarValue::values_to_arrays(&args.args)?;
        let number = |v: f64| (!v.is_nan()).then_some(v);
        let result: Float64Array = match self.body {
            Body::One(f) => as_float64_array(&arrays[0])?.iter().map(|x| x.and_then(|x| number(f(x)))).collect(),
            Body::Two(f) => {
                let (a, b) = (as_float64_array(&arrays[0])?, arrays[1].as_primitive::<Float64Type>());
                a.iter().zip(b.iter()).map(|(a, b)| number(f(a?, b?))).collect()
            }
        };
        let result: ArrayRef = Arc::new(result);
        if scalar {
            return Ok(ColumnarValue::Scalar(datafusion::common::ScalarValue::try_from_array(&result, 0)?));
        }
        Ok(ColumnarValue::Array(result))
    }
}

#[cfg(test)]
mod tests {
    use datafusion::prelude::SessionContext;

    #[tokio::test]
    async fn they_replace_those_of_the_same_name() {
        let session = SessionContext::new();
        crate::register(&session);
        let query = "SELECT ln(2.5) = ln(5 / 2.0) a, ln(-1.0) IS NULL b, power(2, 10) c, log(10, 1000) > 2.9 d, exp(1) e, atan2(1, 0) f";
        let batches = session.sql(query).await.unwrap().collect().await.unwrap();
        let shown = arrow::util::pretty::pretty_format_batches(&batches).unwrap().to_string();
        assert!(shown.contains("| true | true | 1024.0 | true | 2.7182818284590455 | 1.5707963267948966 |"), "{shown}");
    }
}
