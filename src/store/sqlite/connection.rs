//! Opening the file: settings of a connection, the vector extension, the schema and its versions.

use std::path::Path;
use std::sync::Once;
use std::time::Duration;

use rusqlite::auto_extension::{RawAutoExtension, register_auto_extension};
use rusqlite::{Connection, OpenFlags};
use rusqlite_migration::{Error as MigrationError, M, MigrationDefinitionError, Migrations};

use crate::store::StoreError;

/// "Rose" in ASCII, as the first migration writes it.
pub(in crate::store) const APPLICATION_ID: i32 = 0x526f_7365;

/// In order, one file each. A released one never changes.
const MIGRATION_STEPS: &[M<'static>] = &[
    M::up(include_str!("../migrations/0001-initial.sql")),
    M::up(include_str!("../migrations/0002-people.sql")),
    M::up(include_str!("../migrations/0003-reembeddings.sql")),
];
const MIGRATIONS: Migrations<'static> = Migrations::from_slice(MIGRATION_STEPS);

/// For a lock that another process holds for a moment, such as a backup's.
const BUSY_TIMEOUT: Duration = Duration::from_secs(5);

/// The statements of one turn fit in, so that none is compiled twice.
const STATEMENT_CACHE: usize = 64;

/// Gives every connection that is opened from now on the `vec0` tables.
fn enable_vectors() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        // SAFETY: `sqlite3_vec_init` is SQLite's extension entry point; the crate declares it without its parameters,
        // which the C source has exactly as `RawAutoExtension`. It opens no database and adds no other extension.
        let registered = unsafe {
            let entry = std::mem::transmute::<*const (), RawAutoExtension>(sqlite_vec::sqlite3_vec_init as *const ());
            register_auto_extension(entry)
        };
        registered.expect("SQLite takes an extension unless memory is out");
    });
}

/// Where SQLite keeps what isn't in the file yet.
#[derive(Debug, Clone, Copy)]
pub(in crate::store) enum Journal {
    /// In a log beside the file: readers and the writer don't wait for each other.
    WriteAhead,
    /// Nowhere once a transaction has ended: the one file is all there is.
    SingleFile,
}

pub(in crate::store) fn open_writer(path: &Path, journal: Journal) -> Result<Connection, StoreError> {
    enable_vectors();
    let connection = Connection::open(path)?;
    connection.busy_timeout(BUSY_TIMEOUT)?;
    let mode = match journal {
        Journal::WriteAhead => "WAL",
        Journal::SingleFile => "DELETE",
    };
    connection.pragma_update(None, "journal_mode", mode)?;
    connection.pragma_update(None, "foreign_keys", true)?;
    // What its owner deletes is overwritten, not only unlinked.
    connection.pragma_update(None, "secure_delete", true)?;
    // After a burst of writes the log shrinks again.
    connection.pragma_update(None, "journal_size_limit", 16 * 1024 * 1024)?;
    connection.set_prepared_statement_cache_capacity(STATEMENT_CACHE);
    Ok(connection)
}

/// Never writes, though it opens the file as a writer would: whoever reads beside a log must be able to write the log's
/// index. The file must exist.
pub(in crate::store) fn open_reader(path: &Path) -> Result<Connection, StoreError> {
    enable_vectors();
    let connection =
        Connection::open_with_flags(path, OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX)?;
    connection.busy_timeout(BUSY_TIMEOUT)?;
    connection.pragma_update(None, "query_only", true)?;
    connection.set_prepared_statement_cache_capacity(STATEMENT_CACHE);
    Ok(connection)
}

/// Whether the tables are those of this version.
pub(in crate::store) fn has_this_schema(connection: &Connection) -> Result<bool, StoreError> {
    let version: i64 = connection.pragma_query_value(None, "user_version", |row| row.get(0))?;
    Ok(usize::try_from(version) == Ok(MIGRATION_STEPS.len()))
}

/// Makes the tables, or brings them up to this version.
///
/// # Errors
/// `Newer` where a later version wrote the file, `Damaged` where it is another program's.
pub(in crate::store) fn prepare_schema(connection: &mut Connection) -> Result<(), StoreError> {
    let application: i32 = connection.pragma_query_value(None, "application_id", |row| row.get(0))?;
    let tables: i64 = connection.query_row("SELECT count(*) FROM sqlite_schema", [], |row| row.get(0))?;
    if tables > 0 && application != APPLICATION_ID {
        return Err(StoreError::Damaged("the database is not one of Rose's".into()));
    }
    MIGRATIONS.to_latest(connection).map_err(|error| match error {
        MigrationError::MigrationDefinition(MigrationDefinitionError::DatabaseTooFarAhead) => {
            StoreError::Newer("its tables have a later version".into())
        }
        MigrationError::RusqliteError { err, .. } => err.into(),
        other => StoreError::Failed(format!("the tables can't be brought up to date: {other}")),
    })
}
