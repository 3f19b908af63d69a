//! Paths as database values: text if they are UTF-8, otherwise bytes, so that every name can be stored.

use std::path::{Path, PathBuf};

use octrls_fs::platform::{path_bytes, path_from_bytes};
use rusqlite::{
    ToSql,
    types::{FromSql, FromSqlError, FromSqlResult, ToSqlOutput, Value, ValueRef},
};

pub(crate) struct PathColumn<P>(pub(crate) P);

impl ToSql for PathColumn<&Path> {
    fn to_sql(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
        Ok(match self.0.to_str() {
            Some(text) => ToSqlOutput::Borrowed(ValueRef::Text(text.as_bytes())),
            None => ToSqlOutput::Owned(Value::Blob(path_bytes(self.0).to_vec())),
        })
    }
}

impl FromSql for PathColumn<PathBuf> {
    fn column_result(value: ValueRef<'_>) -> FromSqlResult<Self> {
        match value {
            ValueRef::Text(bytes) | ValueRef::Blob(bytes) => Ok(Self(path_from_bytes(bytes))),
            _ => Err(FromSqlError::InvalidType),
        }
    }
}
