//! Ids and numbers as SQLite keeps them.

use atome_proto::digest::Digest;
use atome_proto::stamp::{HybridTime, Stamp};
use atome_proto::{AccountId, AtomeId, Epoch, GrantId, HubId, ReplicaId};
use rusqlite::ToSql;
use rusqlite::types::{FromSql, FromSqlError, FromSqlResult, ToSqlOutput, ValueRef};

/// A value of ours as SQLite keeps it; [`Db`] goes both ways.
pub(crate) struct Db<T>(pub(crate) T);

macro_rules! by_bytes {
    ($($id:ident),*) => {$(
        impl ToSql for Db<$id> {
            fn to_sql(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
                Ok(ToSqlOutput::Borrowed(ValueRef::Blob(self.0.as_bytes())))
            }
        }
        impl FromSql for Db<$id> {
            fn column_result(value: ValueRef<'_>) -> FromSqlResult<Self> {
                let bytes = value.as_blob()?.try_into().map_err(FromSqlError::other)?;
                Ok(Self($id::from_bytes(bytes)))
            }
        }
    )*};
}

by_bytes!(AccountId, AtomeId, GrantId, HubId);

/// Numbers that may use all 64 bits: the same bits, signed.
macro_rules! by_bits {
    ($($id:ident),*) => {$(
        impl ToSql for Db<$id> {
            fn to_sql(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
                Ok(self.0.0.cast_signed().into())
            }
        }
        impl FromSql for Db<$id> {
            fn column_result(value: ValueRef<'_>) -> FromSqlResult<Self> {
                Ok(Self($id(value.as_i64()?.cast_unsigned())))
            }
        }
    )*};
}

by_bits!(ReplicaId, Epoch, HybridTime);

/// Counts and milliseconds, sorted as numbers. None that is kept comes near 63 bits; one from outside that
/// does is beyond all of them.
impl ToSql for Db<u64> {
    fn to_sql(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
        Ok(i64::try_from(self.0).unwrap_or(i64::MAX).into())
    }
}

impl FromSql for Db<u64> {
    fn column_result(value: ValueRef<'_>) -> FromSqlResult<Self> {
        let number = value.as_i64()?;
        Ok(Self(
            u64::try_from(number).map_err(|_| FromSqlError::OutOfRange(number))?,
        ))
    }
}

impl ToSql for Db<Stamp> {
    fn to_sql(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
        Ok(self.0.to_bytes().to_vec().into())
    }
}

impl FromSql for Db<Stamp> {
    fn column_result(value: ValueRef<'_>) -> FromSqlResult<Self> {
        let bytes = value.as_blob()?.try_into().map_err(FromSqlError::other)?;
        Ok(Self(Stamp::from_bytes(bytes)))
    }
}

/// A digest is its four lanes, big-endian.
impl ToSql for Db<Digest> {
    fn to_sql(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
        Ok(self.0.to_bytes().to_vec().into())
    }
}

impl FromSql for Db<Digest> {
    fn column_result(value: ValueRef<'_>) -> FromSqlResult<Self> {
        let bytes: &[u8; 32] = value.as_blob()?.try_into().map_err(FromSqlError::other)?;
        Ok(Self(Digest::from_bytes(bytes)))
    }
}
