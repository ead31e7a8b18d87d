//! `POST /api/sdp-exchange`: the seed's way to the candidate leg.

use super::extract::Body;
use super::problem::Problem;
use super::sessions;
use crate::app::App;
use crate::auth::Caller;
use crate::ids::SessionId;
use crate::session;
use axum::Json;
use axum::extract::State;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

pub(super) fn routes() -> OpenApiRouter<App> {
    OpenApiRouter::new().routes(routes!(exchange))
}

/// A browser's offer.
#[derive(Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Offer {
    session_id: SessionId,
    sdp_offer: String,
}

/// The relay's answer, with all its candidates.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Answer {
    sdp_answer: String,
}

/// Answers a candidate's offer. The same offer again gets the same answer.
#[utoipa::path(post, path = "/api/sdp-exchange", tag = "media", security(("bearer" = [])), request_body = Offer,
    responses((status = 200, body = Answer), (status = 410, description = "the interview is over"),
              (status = 422, description = "the offer cannot be used")))]
async fn exchange(State(app): State<App>, caller: Caller, Body(offer): Body<Offer>) -> Result<Json<Answer>, Problem> {
    let session = sessions::own(&app, &caller, offer.session_id).await?;
    let live = app.sessions.open(&session, None).await?;
    let sdp_answer = live.offer(offer.sdp_offer).await.map_err(|error| match error {
        session::Error::BadSdp(why) => Problem::invalid("/sdpOffer", why),
        other => other.into(),
    })?;
    Ok(Json(Answer { sdp_answer }))
}
