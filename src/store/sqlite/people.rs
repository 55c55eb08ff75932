//! What is known of a person beyond a conversation, how often care answered, and a person's whole removal.

use async_trait::async_trait;
use rusqlite::{Connection, OptionalExtension, params};

use super::connection::open_reader;
use super::{Durability, SqliteStore};
use crate::config::DataConfig;
use crate::domain::danger::{Alarm, Counted};
use crate::domain::ids::UserId;
use crate::domain::person::Profile;
use crate::store::{CareCounts, PeopleStore, ProfileChange, StoreError};

fn find(connection: &Connection, user: UserId) -> Result<Profile, StoreError> {
    let kept: Option<String> = connection
        .prepare_cached("SELECT profile FROM people WHERE user_id = ?1")?
        .query_row([user.to_string()], |row| row.get(0))
        .optional()?;
    let Some(kept) = kept else { return Ok(Profile::default()) };
    serde_json::from_str(&kept).map_err(|error| StoreError::Damaged(format!("a profile: {:?} error", error.classify())))
}

#[async_trait]
impl PeopleStore for SqliteStore {
    async fn profile(&self, user: UserId) -> Result<Profile, StoreError> {
        self.database().read(move |connection| find(connection, user)).await
    }

    async fn change_profile(&self, user: UserId, change: ProfileChange) -> Result<Profile, StoreError> {
        self.database()
            .write(Durability::ProcessDeath, move |connection| {
                let mut profile = find(connection, user)?;
                change(&mut profile);
                let kept = serde_json::to_string(&profile).map_err(|error| StoreError::Failed(error.to_string()))?;
                connection
                    .prepare_cached(
                        "INSERT INTO people (user_id, profile) VALUES (?1, ?2)
                         ON CONFLICT (user_id) DO UPDATE SET profile = excluded.profile",
                    )?
                    .execute(params![user.to_string(), kept])?;
                Ok(profile)
            })
            .await
    }

    async fn delete_person(&self, user: UserId) -> Result<(), StoreError> {
        self.database().write(Durability::PowerLoss, move |connection| delete_person(connection, user)).await?;
        self.remove_deleted_files().await?;
        // The log still holds what was deleted, until it is folded into the file.
        self.database().fold_log().await
    }
}

/// Every row that is theirs, in any database of this version. Vectors go with their memories.
pub(in crate::store) fn delete_person(connection: &Connection, user: UserId) -> Result<(), StoreError> {
    super::memories::delete_all(connection, user)?;
    for statement in [
        "DELETE FROM sessions WHERE user_id = ?1",
        "DELETE FROM blobs WHERE user_id = ?1",
        "DELETE FROM people WHERE user_id = ?1",
    ] {
        connection.prepare_cached(statement)?.execute([user.to_string()])?;
    }
    Ok(())
}

#[async_trait]
impl CareCounts for SqliteStore {
    async fn count_alarm(&self, day: jiff::civil::Date, alarm: Alarm) -> Result<(), StoreError> {
        self.database()
            .write(Durability::ProcessDeath, move |connection| {
                connection
                    .prepare_cached(
                        "INSERT INTO care_counts (day, kind, level, layer, count) VALUES (?1, ?2, ?3, ?4, 1)
                         ON CONFLICT (day, kind, level, layer) DO UPDATE SET count = count + 1",
                    )?
                    .execute(params![
                        day.to_string(),
                        alarm.kind.as_str(),
                        alarm.level.as_str(),
                        alarm.layer.as_str()
                    ])?;
                Ok(())
            })
            .await
    }

    async fn counted(&self, year: i16) -> Result<Vec<Counted>, StoreError> {
        self.database().read(move |connection| counted(connection, year)).await
    }
}

impl SqliteStore {
    /// [`CareCounts::counted`] of a data folder that a server may be using. Blocks for some milliseconds.
    ///
    /// # Errors
    /// `Failed` where there is no database, or it is of an earlier version.
    pub fn counted_beside(config: &DataConfig, year: i16) -> Result<Vec<Counted>, StoreError> {
        counted(&open_reader(&config.database())?, year)
    }
}

fn counted(connection: &Connection, year: i16) -> Result<Vec<Counted>, StoreError> {
    connection
        .prepare_cached(
            "SELECT day, kind, level, layer, count FROM care_counts
             WHERE day >= ?1 AND day < ?2 ORDER BY day, kind, level, layer",
        )?
        .query_and_then([format!("{year:04}-"), format!("{year:04}.")], |row| {
            Ok(Counted {
                day: row.get(0)?,
                kind: row.get(1)?,
                level: row.get(2)?,
                layer: row.get(3)?,
                count: row.get::<_, i64>(4)?.unsigned_abs(),
            })
        })?
        .collect()
}
