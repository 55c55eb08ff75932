//! Qdrant's stand-in: a gRPC server of what Rose asks of it, which stores and searches for real. What it does is what
//! Qdrant's own engine does, which `store/qdrant_engine.rs` shows.

use std::collections::{BTreeMap, HashMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard};

use qdrant_client::qdrant;
use qdrant_client::qdrant::alias_operations::Action as AliasAction;
use qdrant_client::qdrant::collections_server::{Collections, CollectionsServer};
use qdrant_client::qdrant::condition::ConditionOneOf;
use qdrant_client::qdrant::r#match::MatchValue;
use qdrant_client::qdrant::point_id::PointIdOptions;
use qdrant_client::qdrant::points_selector::PointsSelectorOneOf;
use qdrant_client::qdrant::points_server::{Points, PointsServer};
use qdrant_client::qdrant::vectors::VectorsOptions;
use qdrant_client::qdrant::vectors_config::Config as VectorsKind;
use qdrant_client::qdrant::{Distance, FieldType, Filter, PointId, Value, query, vector, vector_input};
use rose::config::ApiConfig;
use serde_json::json;
use tokio::net::TcpListener;
use tonic::transport::Server;
use tonic::transport::server::TcpIncoming;
use tonic::{Request, Response, Status};

use super::service::api;

pub const KEY: &str = "a-very-secret-key";

pub struct Collection {
    pub size: usize,
    pub distance: Distance,
    pub indexes: BTreeMap<String, FieldType>,
    /// By their ids, in whose order they are listed.
    pub points: BTreeMap<String, Point>,
}

#[derive(Clone)]
pub struct Point {
    vector: Vec<f32>,
    pub payload: HashMap<String, Value>,
}

/// Something that was done with points, as JSON, and what came of it.
pub struct Done {
    pub what: serde_json::Value,
    pub answer: serde_json::Value,
}

#[derive(Default)]
struct Shared {
    collections: Mutex<BTreeMap<String, Collection>>,
    /// The collections that they mean.
    aliases: Mutex<BTreeMap<String, String>>,
    /// How the next calls fail.
    faults: Mutex<VecDeque<Status>>,
    /// Calls that came with the key.
    calls: Mutex<usize>,
    done: Mutex<Vec<Done>>,
}

#[derive(Clone)]
pub struct Qdrant {
    pub url: String,
    shared: Arc<Shared>,
}

impl Qdrant {
    pub fn start() -> Self {
        Self::start_failing([])
    }

    /// The first calls fail so, one after another.
    pub fn start_failing(faults: impl IntoIterator<Item = Status>) -> Self {
        let shared = Arc::new(Shared { faults: Mutex::new(faults.into_iter().collect()), ..Shared::default() });
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        listener.set_nonblocking(true).unwrap();
        let one = Self { url: format!("http://{}", listener.local_addr().unwrap()), shared };
        let guard = Arc::clone(&one.shared);
        let authorised = move |request: Request<()>| {
            if request.metadata().get("api-key").map(|key| key.as_bytes()) != Some(KEY.as_bytes()) {
                return Err(Status::unauthenticated("Must provide an API key or an Authorization bearer token"));
            }
            *guard.calls.lock().unwrap() += 1;
            guard.faults.lock().unwrap().pop_front().map_or(Ok(request), Err)
        };
        let server = Server::builder()
            .add_service(CollectionsServer::with_interceptor(one.clone(), authorised.clone()))
            .add_service(PointsServer::with_interceptor(one.clone(), authorised));
        tokio::spawn(async move {
            let incoming = TcpIncoming::from(TcpListener::from_std(listener).unwrap());
            server.serve_with_incoming(incoming).await.unwrap();
        });
        one
    }

    pub fn api(&self) -> ApiConfig {
        api(&self.url, "rose_memories")
    }

    pub fn collections(&self) -> MutexGuard<'_, BTreeMap<String, Collection>> {
        self.shared.collections.lock().unwrap()
    }

    pub fn aliases(&self) -> MutexGuard<'_, BTreeMap<String, String>> {
        self.shared.aliases.lock().unwrap()
    }

    pub fn calls(&self) -> usize {
        *self.shared.calls.lock().unwrap()
    }

    /// What was done with points so far.
    pub fn done(&self) -> MutexGuard<'_, Vec<Done>> {
        self.shared.done.lock().unwrap()
    }

    fn note(&self, name: &str, what: serde_json::Value, answer: serde_json::Value) {
        self.done().push(Done { what: json!({"do": name, "what": what}), answer });
    }

    /// # Errors
    /// As Qdrant writes it.
    fn with<T>(&self, name: &str, act: impl FnOnce(&mut Collection) -> Result<T, Status>) -> Result<T, Status> {
        let mut all = self.collections();
        let missing = || Status::not_found(format!("Not found: Collection `{name}` doesn't exist!"));
        act(all.get_mut(name).ok_or_else(missing)?)
    }
}

fn id_of(id: Option<PointId>) -> String {
    match id.and_then(|id| id.point_id_options) {
        Some(PointIdOptions::Uuid(id)) => id,
        other => panic!("{other:?} is no id of a memory's"),
    }
}

/// As Qdrant does for the distance Cosine.
fn normalised(vector: Vec<f32>) -> Vec<f32> {
    let norm = vector.iter().map(|one| one * one).sum::<f32>().sqrt();
    if norm == 0.0 { vector } else { vector.into_iter().map(|one| one / norm).collect() }
}

fn wrong_width(expected: usize, got: usize) -> Status {
    Status::invalid_argument(format!("Wrong input: Vector dimension error: expected dim: {expected}, got {got}"))
}

/// The field of a condition, and what it must be.
fn wanted(condition: &qdrant::Condition) -> (&str, Value) {
    let Some(ConditionOneOf::Field(field)) = &condition.condition_one_of else {
        panic!("{condition:?} is not part of what is spoken here")
    };
    let value = match field.r#match.as_ref().and_then(|one| one.match_value.clone()) {
        Some(MatchValue::Keyword(word)) => word.into(),
        Some(MatchValue::Boolean(flag)) => flag.into(),
        other => panic!("{other:?} is not part of what is spoken here"),
    };
    (&field.key, value)
}

fn passes(filter: &Filter, payload: &HashMap<String, Value>) -> bool {
    assert!(filter.should.is_empty() && filter.min_should.is_none(), "only must and must_not are spoken here");
    let holds = |condition| {
        let (key, value) = wanted(condition);
        payload.get(key) == Some(&value)
    };
    filter.must.iter().all(holds) && !filter.must_not.iter().any(holds)
}

fn filter_json(filter: &Filter) -> serde_json::Value {
    let all = |conditions: &[qdrant::Condition]| -> serde_json::Value {
        conditions.iter().map(wanted).map(|(key, value)| json!({"key": key, "value": value.into_json()})).collect()
    };
    json!({"must": all(&filter.must), "must_not": all(&filter.must_not)})
}

fn payload_json(payload: &HashMap<String, Value>) -> serde_json::Value {
    payload.iter().map(|(key, value)| (key.clone(), value.clone().into_json())).collect()
}

fn written() -> Result<Response<qdrant::PointsOperationResponse>, Status> {
    let status = qdrant::UpdateStatus::Completed as i32;
    let result = qdrant::UpdateResult { operation_id: Some(1), status };
    Ok(Response::new(qdrant::PointsOperationResponse { result: Some(result), ..Default::default() }))
}

fn uuid(id: &str) -> Option<PointId> {
    Some(id.into())
}

/// Calls that Rose never makes, written out as `async_trait` would have them.
macro_rules! never_called {
    ($($name:ident: $request:ident -> $response:ident,)*) => {$(
        fn $name<'life0, 'async_trait>(
            &'life0 self,
            _: Request<qdrant::$request>,
        ) -> futures::future::BoxFuture<'async_trait, Result<Response<qdrant::$response>, Status>>
        where
            'life0: 'async_trait,
            Self: 'async_trait,
        {
            Box::pin(async { panic!("{} is not part of what is spoken here", stringify!($name)) })
        }
    )*};
}

#[async_trait::async_trait]
impl Collections for Qdrant {
    async fn list(
        &self,
        _: Request<qdrant::ListCollectionsRequest>,
    ) -> Result<Response<qdrant::ListCollectionsResponse>, Status> {
        let names = self.collections().keys().cloned().collect::<Vec<_>>();
        let collections = names.into_iter().map(|name| qdrant::CollectionDescription { name }).collect();
        Ok(Response::new(qdrant::ListCollectionsResponse { collections, time: 0.0 }))
    }

    async fn collection_exists(
        &self,
        request: Request<qdrant::CollectionExistsRequest>,
    ) -> Result<Response<qdrant::CollectionExistsResponse>, Status> {
        let exists = self.collections().contains_key(&request.into_inner().collection_name);
        let result = Some(qdrant::CollectionExists { exists });
        Ok(Response::new(qdrant::CollectionExistsResponse { result, time: 0.0 }))
    }

    async fn get(
        &self,
        request: Request<qdrant::GetCollectionInfoRequest>,
    ) -> Result<Response<qdrant::GetCollectionInfoResponse>, Status> {
        let (size, distance) =
            self.with(&request.into_inner().collection_name, |one| Ok((one.size as u64, one.distance as i32)))?;
        let vectors = VectorsKind::Params(qdrant::VectorParams { size, distance, ..Default::default() });
        let vectors_config = Some(qdrant::VectorsConfig { config: Some(vectors) });
        let params = Some(qdrant::CollectionParams { vectors_config, ..Default::default() });
        let config = Some(qdrant::CollectionConfig { params, ..Default::default() });
        let result = Some(qdrant::CollectionInfo { config, ..Default::default() });
        Ok(Response::new(qdrant::GetCollectionInfoResponse { result, time: 0.0 }))
    }

    async fn create(
        &self,
        request: Request<qdrant::CreateCollection>,
    ) -> Result<Response<qdrant::CollectionOperationResponse>, Status> {
        let qdrant::CreateCollection { collection_name, vectors_config, .. } = request.into_inner();
        let Some(VectorsKind::Params(params)) = vectors_config.and_then(|vectors| vectors.config) else {
            panic!("Rose's vectors have no names")
        };
        let one = Collection {
            size: params.size as usize,
            distance: Distance::try_from(params.distance).unwrap(),
            indexes: BTreeMap::new(),
            points: BTreeMap::new(),
        };
        let mut all = self.collections();
        if all.contains_key(&collection_name) {
            let message = format!("Wrong input: Collection `{collection_name}` already exists!");
            return Err(Status::already_exists(message));
        }
        all.insert(collection_name, one);
        Ok(Response::new(qdrant::CollectionOperationResponse { result: true, time: 0.0 }))
    }

    async fn delete(
        &self,
        request: Request<qdrant::DeleteCollection>,
    ) -> Result<Response<qdrant::CollectionOperationResponse>, Status> {
        let name = request.into_inner().collection_name;
        self.aliases().retain(|_, collection| *collection != name);
        let result = self.collections().remove(&name).is_some();
        Ok(Response::new(qdrant::CollectionOperationResponse { result, time: 0.0 }))
    }

    /// All of them in one step.
    async fn update_aliases(
        &self,
        request: Request<qdrant::ChangeAliases>,
    ) -> Result<Response<qdrant::CollectionOperationResponse>, Status> {
        let collections = self.collections();
        let mut aliases = self.aliases();
        for action in request.into_inner().actions {
            match action.action.expect("an action") {
                AliasAction::CreateAlias(qdrant::CreateAlias { collection_name, alias_name }) => {
                    if !collections.contains_key(&collection_name) {
                        let message = format!("Not found: Collection `{collection_name}` doesn't exist!");
                        return Err(Status::not_found(message));
                    }
                    if collections.contains_key(&alias_name) {
                        let message = format!("Wrong input: Collection `{alias_name}` already exists!");
                        return Err(Status::invalid_argument(message));
                    }
                    aliases.insert(alias_name, collection_name);
                }
                AliasAction::DeleteAlias(qdrant::DeleteAlias { alias_name }) => {
                    aliases.remove(&alias_name);
                }
                AliasAction::RenameAlias(_) => panic!("Rose renames no alias"),
            }
        }
        Ok(Response::new(qdrant::CollectionOperationResponse { result: true, time: 0.0 }))
    }

    async fn list_aliases(
        &self,
        _: Request<qdrant::ListAliasesRequest>,
    ) -> Result<Response<qdrant::ListAliasesResponse>, Status> {
        let description = |(alias, collection): (&String, &String)| qdrant::AliasDescription {
            alias_name: alias.clone(),
            collection_name: collection.clone(),
        };
        let aliases = self.aliases().iter().map(description).collect();
        Ok(Response::new(qdrant::ListAliasesResponse { aliases, time: 0.0 }))
    }

    never_called! {
        update: UpdateCollection -> CollectionOperationResponse,
        list_collection_aliases: ListCollectionAliasesRequest -> ListAliasesResponse,
        collection_cluster_info: CollectionClusterInfoRequest -> CollectionClusterInfoResponse,
        update_collection_cluster_setup: UpdateCollectionClusterSetupRequest -> UpdateCollectionClusterSetupResponse,
        create_shard_key: CreateShardKeyRequest -> CreateShardKeyResponse,
        delete_shard_key: DeleteShardKeyRequest -> DeleteShardKeyResponse,
        list_shard_keys: ListShardKeysRequest -> ListShardKeysResponse,
    }
}

#[async_trait::async_trait]
impl Points for Qdrant {
    async fn create_field_index(
        &self,
        request: Request<qdrant::CreateFieldIndexCollection>,
    ) -> Result<Response<qdrant::PointsOperationResponse>, Status> {
        let request = request.into_inner();
        let kind = FieldType::try_from(request.field_type.expect("a kind")).unwrap();
        self.with(&request.collection_name, |one| Ok(one.indexes.insert(request.field_name, kind)))?;
        written()
    }

    async fn upsert(
        &self,
        request: Request<qdrant::UpsertPoints>,
    ) -> Result<Response<qdrant::PointsOperationResponse>, Status> {
        let request = request.into_inner();
        let mut asked = Vec::new();
        self.with(&request.collection_name, |one| {
            for point in request.points {
                let Some(VectorsOptions::Vector(given)) = point.vectors.and_then(|vectors| vectors.vectors_options)
                else {
                    panic!("Rose's vectors have no names")
                };
                let Some(vector::Vector::Dense(qdrant::DenseVector { data })) = given.vector else {
                    panic!("Rose's vectors are dense")
                };
                if data.len() != one.size {
                    return Err(wrong_width(one.size, data.len()));
                }
                let id = id_of(point.id);
                asked.push(json!({"id": id, "vector": data, "payload": payload_json(&point.payload)}));
                one.points.insert(id, Point { vector: normalised(data), payload: point.payload });
            }
            Ok(())
        })?;
        self.note("upsert", asked.into(), json!(null));
        written()
    }

    async fn delete(
        &self,
        request: Request<qdrant::DeletePoints>,
    ) -> Result<Response<qdrant::PointsOperationResponse>, Status> {
        let request = request.into_inner();
        let what = request.points.and_then(|points| points.points_selector_one_of).expect("which");
        let asked = self.with(&request.collection_name, |one| {
            Ok(match what {
                PointsSelectorOneOf::Points(points) => {
                    let ids: Vec<String> = points.ids.into_iter().map(|id| id_of(Some(id))).collect();
                    one.points.retain(|id, _| !ids.contains(id));
                    json!({"ids": ids})
                }
                PointsSelectorOneOf::Filter(filter) => {
                    one.points.retain(|_, point| !passes(&filter, &point.payload));
                    json!({"filter": filter_json(&filter)})
                }
            })
        })?;
        self.note("delete", asked, json!(null));
        written()
    }

    async fn get(&self, request: Request<qdrant::GetPoints>) -> Result<Response<qdrant::GetResponse>, Status> {
        let request = request.into_inner();
        let ids: Vec<String> = request.ids.into_iter().map(|id| id_of(Some(id))).collect();
        let found: Vec<(String, Point)> = self.with(&request.collection_name, |one| {
            Ok(ids.iter().filter_map(|id| Some((id.clone(), one.points.get(id)?.clone()))).collect())
        })?;
        let shown = found.iter().map(|(id, point)| json!({"id": id, "payload": payload_json(&point.payload)}));
        self.note("retrieve", json!(ids), shown.collect());
        let result = found.into_iter().map(|(id, point)| retrieved(&id, point)).collect();
        Ok(Response::new(qdrant::GetResponse { result, ..Default::default() }))
    }

    async fn query(&self, request: Request<qdrant::QueryPoints>) -> Result<Response<qdrant::QueryResponse>, Status> {
        let request = request.into_inner();
        let filter = request.filter.unwrap_or_default();
        let limit = request.limit.expect("a limit");
        let Some(query::Variant::Nearest(near)) = request.query.and_then(|query| query.variant) else {
            panic!("Rose asks for what is near")
        };
        let Some(vector_input::Variant::Dense(qdrant::DenseVector { data })) = near.variant else {
            panic!("Rose's vectors are dense")
        };
        let asked = json!({"vector": data, "filter": filter_json(&filter), "limit": limit});
        let scored = self.with(&request.collection_name, |one| {
            if data.len() != one.size {
                return Err(wrong_width(one.size, data.len()));
            }
            let near = normalised(data);
            let mut scored: Vec<qdrant::ScoredPoint> = one
                .points
                .iter()
                .filter(|(_, point)| passes(&filter, &point.payload))
                .map(|(id, point)| qdrant::ScoredPoint {
                    id: uuid(id),
                    payload: point.payload.clone(),
                    score: near.iter().zip(&point.vector).map(|(a, b)| a * b).sum(),
                    ..Default::default()
                })
                .collect();
            scored.sort_by(|a, b| b.score.total_cmp(&a.score));
            scored.truncate(limit as usize);
            Ok(scored)
        })?;
        let shown = scored.iter().map(|point| {
            json!({"id": id_of(point.id.clone()), "score": point.score, "payload": payload_json(&point.payload)})
        });
        self.note("query", asked, shown.collect());
        Ok(Response::new(qdrant::QueryResponse { result: scored, ..Default::default() }))
    }

    async fn scroll(&self, request: Request<qdrant::ScrollPoints>) -> Result<Response<qdrant::ScrollResponse>, Status> {
        let request = request.into_inner();
        let filter = request.filter.unwrap_or_default();
        let limit = request.limit.unwrap_or(10);
        let from = request.offset.map(|id| id_of(Some(id)));
        let asked = json!({"filter": filter_json(&filter), "limit": limit, "offset": from});
        let (points, next) = self.with(&request.collection_name, |one| {
            let mut matching = one
                .points
                .range(from.unwrap_or_default()..)
                .filter(|(_, point)| passes(&filter, &point.payload))
                .map(|(id, point)| (id.clone(), point.clone()));
            let points: Vec<(String, Point)> = matching.by_ref().take(limit as usize).collect();
            Ok((points, matching.next().map(|(id, _)| id)))
        })?;
        let shown: serde_json::Value =
            points.iter().map(|(id, point)| json!({"id": id, "payload": payload_json(&point.payload)})).collect();
        self.note("scroll", asked, json!({"points": shown, "next": next}));
        let result = points.into_iter().map(|(id, point)| retrieved(&id, point)).collect();
        let next_page_offset = next.and_then(|id| uuid(&id));
        Ok(Response::new(qdrant::ScrollResponse { next_page_offset, result, ..Default::default() }))
    }

    async fn count(&self, request: Request<qdrant::CountPoints>) -> Result<Response<qdrant::CountResponse>, Status> {
        let request = request.into_inner();
        let filter = request.filter.unwrap_or_default();
        let count = self.with(&request.collection_name, |one| {
            Ok(one.points.values().filter(|point| passes(&filter, &point.payload)).count() as u64)
        })?;
        self.note("count", filter_json(&filter), json!(count));
        let result = Some(qdrant::CountResult { count });
        Ok(Response::new(qdrant::CountResponse { result, ..Default::default() }))
    }

    never_called! {
        update_vectors: UpdatePointVectors -> PointsOperationResponse,
        delete_vectors: DeletePointVectors -> PointsOperationResponse,
        set_payload: SetPayloadPoints -> PointsOperationResponse,
        overwrite_payload: SetPayloadPoints -> PointsOperationResponse,
        delete_payload: DeletePayloadPoints -> PointsOperationResponse,
        clear_payload: ClearPayloadPoints -> PointsOperationResponse,
        delete_field_index: DeleteFieldIndexCollection -> PointsOperationResponse,
        create_vector_name: CreateVectorNameRequest -> PointsOperationResponse,
        delete_vector_name: DeleteVectorNameRequest -> PointsOperationResponse,
        search: SearchPoints -> SearchResponse,
        search_batch: SearchBatchPoints -> SearchBatchResponse,
        search_groups: SearchPointGroups -> SearchGroupsResponse,
        recommend: RecommendPoints -> RecommendResponse,
        recommend_batch: RecommendBatchPoints -> RecommendBatchResponse,
        recommend_groups: RecommendPointGroups -> RecommendGroupsResponse,
        discover: DiscoverPoints -> DiscoverResponse,
        discover_batch: DiscoverBatchPoints -> DiscoverBatchResponse,
        update_batch: UpdateBatchPoints -> UpdateBatchResponse,
        query_batch: QueryBatchPoints -> QueryBatchResponse,
        query_groups: QueryPointGroups -> QueryGroupsResponse,
        facet: FacetCounts -> FacetResponse,
        search_matrix_pairs: SearchMatrixPoints -> SearchMatrixPairsResponse,
        search_matrix_offsets: SearchMatrixPoints -> SearchMatrixOffsetsResponse,
    }
}

fn retrieved(id: &str, point: Point) -> qdrant::RetrievedPoint {
    qdrant::RetrievedPoint { id: uuid(id), payload: point.payload, ..Default::default() }
}
