//! What carries requests from the SDK to the account: latency, and faults.

use std::collections::{HashMap, VecDeque};
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use aws_smithy_runtime_api::client::http::{
    HttpClient, HttpConnector, HttpConnectorFuture, HttpConnectorSettings, SharedHttpConnector,
};
use aws_smithy_runtime_api::client::orchestrator::{HttpRequest, HttpResponse};
use aws_smithy_runtime_api::client::result::ConnectorError;
use aws_smithy_runtime_api::client::runtime_components::RuntimeComponents;
use aws_smithy_types::body::SdkBody;
use landfall_sandbox::world::is_write;
use landfall_sandbox::{HttpAnswer, InProcess};
use tokio::sync::Notify;
use tokio::time::{Instant, sleep};

/// How long a request or an answer is under way, in milliseconds.
const LATENCY_MS: (u64, u64) = (8, 35);
/// How long a request hangs that is never answered: longer than every time limit.
const FOR_EVER: Duration = Duration::from_secs(600);

/// How often calls fail, as shares of one; all zero by default.
#[derive(Debug, Clone, Copy, Default)]
pub struct Faults {
    /// `Rate exceeded`.
    pub throttled: f64,
    /// HTTP 500.
    pub server_errors: f64,
    /// No answer at all.
    pub hangs: f64,
    /// The connection breaks before the request arrives.
    pub resets: f64,
    /// The connection breaks after the request was carried out.
    pub lost_answers: f64,
    /// An answer from up to so long ago, for reads.
    pub stale: f64,
}

/// One call, as often as it was tried.
#[derive(Debug, Clone)]
pub struct Call {
    /// When the account answered it, or the wire kept it from the account.
    pub at: Instant,
    pub operation: String,
    /// Its parameters: JSON, or a form.
    pub body: Arc<[u8]>,
    /// What was told is how it was then: earlier than `at` where the answer was stale.
    pub as_of: Instant,
    /// The account carried it out.
    pub accepted: bool,
    /// What the wire did to it.
    pub fault: Fault,
}

impl Call {
    /// One that was answered at this instant.
    pub fn testing(at: Instant, operation: &str) -> Self {
        let operation = operation.to_owned();
        Self { at, operation, body: Arc::default(), as_of: at, accepted: true, fault: Fault::None }
    }

    /// The caller got to know what the account said.
    pub fn is_answered(&self) -> bool {
        self.accepted && matches!(self.fault, Fault::None | Fault::Stale)
    }

    /// What DescribeTargetHealth asks about.
    pub fn target_group(&self) -> Option<String> {
        (self.operation == "DescribeTargetHealth").then(|| form_field(&self.body, "TargetGroupArn"))
    }

    /// How many things a list of its parameters names.
    pub fn named(&self, list: &str) -> usize {
        let body: serde_json::Value = serde_json::from_slice(&self.body).expect("JSON");
        body[list].as_array().map_or(0, Vec::len)
    }

    /// It leaves everything as it is.
    pub fn is_read(&self) -> bool {
        !is_write(&self.operation)
    }
}

/// The wire. Clones are the same wire.
#[derive(Clone)]
pub struct Wire(Arc<Ends>);

struct Ends {
    account: InProcess,
    inner: Mutex<Inner>,
    changed: Notify,
    noted: Notify,
}

struct Inner {
    random: fastrand::Rng,
    faults: Faults,
    asked: Vec<Call>,
    past: HashMap<Asked, VecDeque<(Instant, HttpAnswer)>>,
}

/// An operation and its parameters.
type Asked = (String, Arc<[u8]>);

impl fmt::Debug for Wire {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Wire")
    }
}

/// What becomes of one call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    None,
    Throttled,
    ServerError,
    Hang,
    Reset,
    LostAnswer,
    Stale,
}

impl Wire {
    pub fn new(account: InProcess, seed: u64) -> Self {
        let inner = Inner {
            random: fastrand::Rng::with_seed(seed),
            faults: Faults::default(),
            asked: Vec::new(),
            past: HashMap::new(),
        };
        Self(Arc::new(Ends {
            account,
            inner: Mutex::new(inner),
            changed: Notify::new(),
            noted: Notify::new(),
        }))
    }

    pub fn account(&self) -> &InProcess {
        &self.0.account
    }

    fn inner(&self) -> MutexGuard<'_, Inner> {
        self.0.inner.lock().expect("one thread")
    }

    pub fn set_faults(&self, faults: Faults) {
        self.inner().faults = faults;
    }

    /// Every call that the account answered, or that a fault kept from it.
    pub fn calls(&self) -> Vec<Call> {
        self.inner().asked.clone()
    }

    /// Until somebody has changed something in the account.
    pub async fn changed(&self) {
        self.0.changed.notified().await;
    }

    /// Until a fault meets a call that is not made yet.
    pub async fn struck(&self) {
        let before = self.inner().asked.len();
        loop {
            let noted = self.0.noted.notified();
            if self.inner().asked[before..].iter().any(|call| call.fault != Fault::None) {
                return;
            }
            noted.await;
        }
    }

    /// Somebody has changed something in the account, and not over this wire.
    pub fn tell_change(&self) {
        self.0.changed.notify_waiters();
    }

    fn latency(&self) -> Duration {
        Duration::from_millis(self.inner().random.u64(LATENCY_MS.0..=LATENCY_MS.1))
    }

    fn fault(&self, operation: &str) -> Fault {
        let mut inner = self.inner();
        let faults = inner.faults;
        let draw = inner.random.f64();
        let mut upto = 0.0;
        let mut falls = |share: f64| {
            upto += share;
            draw < upto
        };
        let read = !is_write(operation);
        match () {
            () if falls(faults.throttled) => Fault::Throttled,
            () if falls(faults.server_errors) => Fault::ServerError,
            () if falls(faults.hangs) => Fault::Hang,
            () if falls(faults.resets) => Fault::Reset,
            () if falls(faults.lost_answers) => Fault::LostAnswer,
            () if falls(faults.stale) && read => Fault::Stale,
            () => Fault::None,
        }
    }

    async fn carry(&self, target: Option<String>, body: Arc<[u8]>) -> Result<HttpResponse, ConnectorError> {
        let operation = match &target {
            Some(target) => target.rsplit('.').next().unwrap_or_default().to_owned(),
            None => form_field(&body, "Action"),
        };
        sleep(self.latency()).await;
        let fault = self.fault(&operation);
        let json = target.is_some();
        let now = Instant::now();
        let mut call =
            Call { at: now, operation, body: Arc::clone(&body), as_of: now, accepted: false, fault };
        let answer = match fault {
            Fault::Throttled => refusal(json, 400, "ThrottlingException", "Rate exceeded"),
            Fault::ServerError => refusal(json, 500, "ServerException", "Service Unavailable."),
            Fault::Hang => {
                self.note(call);
                sleep(FOR_EVER).await;
                return Err(ConnectorError::timeout("no answer".into()));
            }
            Fault::Reset => {
                self.note(call);
                return Err(ConnectorError::io("connection reset by peer".into()));
            }
            Fault::None | Fault::LostAnswer | Fault::Stale => {
                let stale = fault == Fault::Stale;
                let (as_of, answer) = self.answer(&call.operation, target.as_deref(), &body, stale);
                call.as_of = as_of;
                call.accepted = answer.status < 300;
                answer
            }
        };
        if call.accepted && !call.is_read() {
            self.tell_change();
        }
        self.note(call);
        if fault == Fault::LostAnswer {
            return Err(ConnectorError::io("connection reset by peer".into()));
        }
        sleep(self.latency()).await;
        Ok(response(answer))
    }

    fn note(&self, call: Call) {
        self.inner().asked.push(call);
        self.0.noted.notify_waiters();
    }

    /// What the account says now or, where that is wanted, what it said some seconds ago; and when that was.
    fn answer(
        &self,
        operation: &str,
        target: Option<&str>,
        body: &Arc<[u8]>,
        stale: bool,
    ) -> (Instant, HttpAnswer) {
        let answer = self.account().answer(target, body);
        let now = Instant::now();
        let mut inner = self.inner();
        if inner.faults.stale == 0.0 {
            return (now, answer);
        }
        let past = inner.past.entry((operation.to_owned(), Arc::clone(body))).or_default();
        past.push_back((now, answer.clone()));
        while past.front().is_some_and(|(at, _)| now - *at > Duration::from_secs(4)) {
            past.pop_front();
        }
        match past.front() {
            Some((at, old)) if stale => (*at, old.clone()),
            _ => (now, answer),
        }
    }
}

fn response(answer: HttpAnswer) -> HttpResponse {
    let status = answer.status.try_into().expect("a status");
    let mut response = HttpResponse::new(status, SdkBody::from(answer.body));
    response.headers_mut().insert("content-type", answer.media_type);
    if let Some(error_type) = answer.error_type {
        response.headers_mut().insert("x-amzn-errortype", error_type);
    }
    response
}

fn refusal(json: bool, status: u16, code: &str, message: &str) -> HttpAnswer {
    let body = if json {
        format!("{{\"__type\":\"{code}\",\"message\":\"{message}\"}}")
    } else {
        let code = code.trim_end_matches("Exception");
        format!(
            "<ErrorResponse><Error><Type>Sender</Type><Code>{code}</Code><Message>{message}</Message></Error><RequestId>1</RequestId></ErrorResponse>"
        )
    };
    let media_type = if json { "application/x-amz-json-1.1" } else { "text/xml" };
    HttpAnswer { status, media_type, error_type: json.then(|| code.to_owned()), body }
}

fn form_field(body: &[u8], name: &str) -> String {
    let text = String::from_utf8_lossy(body);
    let mut fields = text.split('&').filter_map(|field| field.split_once('='));
    fields.find(|(key, _)| *key == name).map(|(_, value)| value.to_owned()).unwrap_or_default()
}

impl HttpConnector for Wire {
    fn call(&self, request: HttpRequest) -> HttpConnectorFuture {
        let target = request.headers().get("x-amz-target").map(str::to_owned);
        let body = Arc::from(request.body().bytes().unwrap_or_default());
        let wire = self.clone();
        HttpConnectorFuture::new(async move { wire.carry(target, body).await })
    }
}

impl HttpClient for Wire {
    fn http_connector(
        &self,
        _settings: &HttpConnectorSettings,
        _components: &RuntimeComponents,
    ) -> SharedHttpConnector {
        SharedHttpConnector::new(self.clone())
    }
}
