//! Names beside the collections' own, which say what each is for. Setting one is a single step, also where it meant another
//! collection before; a deleted collection takes its aliases along.

use qdrant_client::qdrant::CreateAliasBuilder;

use super::QdrantMemories;
use crate::store::StoreError;

/// The collection that holds the memories.
pub(super) const CURRENT: &str = "current";
/// The one that another model fills, to take its place.
pub(super) const NEXT: &str = "next";
/// The one whose place was taken, until it is deleted.
pub(super) const REPLACED: &str = "replaced";

/// Which collection each alias means.
#[derive(Debug, Default)]
pub(super) struct Aliases {
    pub(super) current: Option<String>,
    pub(super) next: Option<String>,
    pub(super) replaced: Option<String>,
}

impl QdrantMemories {
    pub(super) async fn aliases(&self) -> Result<Aliases, StoreError> {
        let all = self.client.call((), |qdrant, ()| async move { qdrant.list_aliases().await }).await?;
        let mut aliases = Aliases::default();
        for one in all.aliases {
            let place = match one.alias_name.strip_prefix(&self.prefix).and_then(|rest| rest.strip_prefix('-')) {
                Some(CURRENT) => &mut aliases.current,
                Some(NEXT) => &mut aliases.next,
                Some(REPLACED) => &mut aliases.replaced,
                _ => continue,
            };
            *place = Some(one.collection_name);
        }
        Ok(aliases)
    }

    pub(super) async fn set_alias(&self, alias: &str, collection: &str) -> Result<(), StoreError> {
        let request = CreateAliasBuilder::new(collection, format!("{}-{alias}", self.prefix));
        self.client.call(request, |qdrant, request| async move { qdrant.create_alias(request).await }).await?;
        Ok(())
    }

    pub(super) async fn remove_alias(&self, alias: &str) -> Result<(), StoreError> {
        let name = format!("{}-{alias}", self.prefix);
        self.client
            .call(name.as_str(), |qdrant, name| async move { qdrant.delete_alias(name.to_owned()).await })
            .await?;
        Ok(())
    }

    pub(super) async fn delete_collection(&self, name: &str) -> Result<(), StoreError> {
        self.client.call(name, |qdrant, name| async move { qdrant.delete_collection(name).await }).await?;
        Ok(())
    }

    /// What a switch of collections left to do, where the process ended in the middle of it: before the alias `current` was
    /// set nothing had happened, after it the replaced one is to go.
    pub(super) async fn finish_switch(&self, aliases: &Aliases) -> Result<(), StoreError> {
        let Some(current) = &aliases.current else { return Ok(()) };
        match &aliases.replaced {
            Some(replaced) if replaced == current => self.remove_alias(REPLACED).await?,
            Some(replaced) => self.delete_collection(replaced).await?,
            None => {}
        }
        if aliases.next.as_ref() == Some(current) {
            self.remove_alias(NEXT).await?;
        }
        Ok(())
    }
}
