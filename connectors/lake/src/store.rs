//! From an address to an object store: a local folder, or a bucket with conditional puts.
//!
//! The only file that knows which stores there are. Settings of S3 come from `AWS_*` of the environment and from the
//! options, options win. Plain HTTP is allowed to loopback only, unless `aws_allow_http` says otherwise.

use crate::error::Error;
use object_store::{
    ObjectStore,
    aws::{AmazonS3Builder, AmazonS3ConfigKey, S3ConditionalPut},
    local::LocalFileSystem,
    path::Path,
};
use std::sync::Arc;
use url::{Host, Url};

/// A folder of a store.
#[derive(Debug, Clone)]
pub(crate) struct Root {
    /// The folder, with a slash at its end.
    pub(crate) url: Url,
    /// The whole store.
    pub(crate) store: Arc<dyn ObjectStore>,
    /// The folder within the store.
    pub(crate) prefix: Path,
}

impl Root {
    /// Understands `s3://bucket/prefix`, `file:///folder`, `memory:///` (for tests of others) and a plain path.
    pub(crate) fn open(text: &str, options: &[(String, String)]) -> Result<Self, Error> {
        let wrong = |reason: String| Error::Location { url: text.to_owned(), reason };
        match Url::parse(text) {
            Ok(url) if url.scheme() == "s3" => bucket(with_slash(url), options).map_err(wrong),
            Ok(url) if url.scheme() == "file" => {
                folder(&url.to_file_path().map_err(|()| wrong("not a local path".into()))?).map_err(wrong)
            }
            Ok(url) if url.scheme().len() > 1 => {
                Err(wrong(format!("'{}' is not supported: use a folder or s3://bucket/prefix", url.scheme())))
            }
            _ if text.is_empty() => Err(wrong("it is empty".into())),
            _ => folder(std::path::Path::new(text)).map_err(wrong),
        }
    }

    /// A folder in this one.
    pub(crate) fn child(&self, name: &str) -> Result<Self, Error> {
        let url = self.url.join(&format!("{name}/"));
        let url = url.map_err(|e| Error::Location { url: self.url.to_string(), reason: e.to_string() })?;
        Ok(Self { url, store: self.store.clone(), prefix: self.prefix.clone().join(name) })
    }
}

fn with_slash(mut url: Url) -> Url {
    if !url.path().ends_with('/') {
        url.set_path(&format!("{}/", url.path()));
    }
    url
}

fn folder(path: &std::path::Path) -> Result<Root, String> {
    let path = std::path::absolute(path).map_err(|e| e.to_string())?;
    std::fs::create_dir_all(&path).map_err(|e| format!("cannot make the folder: {e}"))?;
    let url = Url::from_directory_path(&path).map_err(|()| "not an absolute path".to_owned())?;
    let prefix = Path::from_absolute_path(&path).map_err(|e| e.to_string())?;
    Ok(Root { url, store: Arc::new(LocalFileSystem::new()), prefix })
}

fn bucket(url: Url, options: &[(String, String)]) -> Result<Root, String> {
    let bucket = url.host_str().ok_or("write s3://bucket/prefix")?.to_owned();
    let mut builder = AmazonS3Builder::from_env().with_bucket_name(&bucket);
    for (key, value) in options {
        let parsed: AmazonS3ConfigKey = key.to_lowercase().parse().map_err(|_| format!("unknown option '{key}'"))?;
        builder = builder.with_config(parsed, value);
    }
    let endpoint = builder.get_config_value(&AmazonS3ConfigKey::Endpoint);
    if endpoint.as_deref().is_some_and(is_loopback) {
        builder = builder.with_allow_http(true);
    }
    if builder.get_config_value(&AmazonS3ConfigKey::Region).is_none() {
        builder = builder.with_region("us-east-1");
    }
    let store = builder.with_conditional_put(S3ConditionalPut::ETagMatch).build().map_err(|e| e.to_string())?;
    let prefix = Path::from_url_path(url.path()).map_err(|e| e.to_string())?;
    Ok(Root { url, store: Arc::new(store), prefix })
}

fn is_loopback(endpoint: &str) -> bool {
    match Url::parse(endpoint).ok().and_then(|u| u.host().map(|h| h.to_owned())) {
        Some(Host::Ipv4(ip)) => ip.is_loopback(),
        Some(Host::Ipv6(ip)) => ip.is_loopback(),
        Some(Host::Domain(name)) => name == "localhost",
        None => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn http_is_for_loopback_only() {
        for (endpoint, yes) in [
            ("http://127.0.0.1:9000", true),
            ("http://[::1]:9000", true),
            ("http://localhost:1", true),
            ("http://10.0.0.1:9000", false),
            ("http://localhost.example.com", false),
            ("nonsense", false),
        ] {
            assert_eq!(is_loopback(endpoint), yes, "{endpoint}");
        }
    }

    #[test]
    fn a_wrong_address_says_what_to_write() {
        let text = |url: &str, options: &[(String, String)]| Root::open(url, options).unwrap_err().to_string();
        assert!(text("gs://bucket/x", &[]).contains("use a folder or s3://bucket/prefix"));
        assert!(text("", &[]).contains("empty"));
        assert!(text("s3://bucket/x", &[("no_such_key".into(), "1".into())]).contains("unknown option 'no_such_key'"));
    }

    #[test]
    fn children_stay_inside() {
        let dir = tempfile::tempdir().unwrap();
        let root = Root::open(dir.path().join("with space").to_str().unwrap(), &[]).unwrap();
        let child = root.child("klines").unwrap();
        assert!(child.url.path().ends_with("/with%20space/klines/"), "{}", child.url);
        assert!(child.prefix.as_ref().ends_with("with space/klines") || child.prefix.as_ref().ends_with("klines"));
    }
}
