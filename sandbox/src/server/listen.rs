//! Accepting connections on loopback.

use std::{convert::Infallible, net::Ipv4Addr, sync::Arc};

use hyper::{server::conn::http1, service::service_fn};
use hyper_util::rt::TokioIo;
use tokio::{
    net::TcpListener,
    task::{JoinHandle, JoinSet},
};

use super::{Shared, route::respond};

/// A listening server. Dropping it closes the port and every connection.
pub(crate) struct Listening {
    accepting: JoinHandle<()>,
}

impl Listening {
    /// Binds loopback at `port`, or at a free one.
    ///
    /// Errors: the port is in use.
    pub(crate) async fn bind(port: Option<u16>) -> std::io::Result<TcpListener> {
        TcpListener::bind((Ipv4Addr::LOCALHOST, port.unwrap_or(0))).await
    }

    pub(crate) fn serve(listener: TcpListener, shared: Arc<Shared>) -> Listening {
        Listening { accepting: tokio::spawn(accept(listener, shared)) }
    }

    /// Stops, and waits until the port is closed.
    pub(crate) async fn stop(mut self) {
        self.accepting.abort();
        // The only outcome of an aborted task is that it was aborted.
        let _ = (&mut self.accepting).await;
    }
}

impl Drop for Listening {
    fn drop(&mut self) {
        self.accepting.abort();
    }
}

async fn accept(listener: TcpListener, shared: Arc<Shared>) {
    // Aborting this task drops the set, and that ends the connections.
    let mut connections = JoinSet::new();
    loop {
        tokio::select! {
            accepted = listener.accept() => {
                // A connection that is gone before it was accepted concerns nobody.
                let Ok((stream, _)) = accepted else { continue };
                let shared = Arc::clone(&shared);
                connections.spawn(async move {
                    let service = service_fn(move |request| {
                        let shared = Arc::clone(&shared);
                        async move { Ok::<_, Infallible>(respond(&shared, request).await) }
                    });
                    // A client that hangs up in the middle is its own affair.
                    let _ = http1::Builder::new()
                        .serve_connection(TokioIo::new(stream), service)
                        .await;
                });
            }
            Some(_) = connections.join_next() => {}
        }
    }
}
