//! One gRPC port: bound first, served later, closed gracefully.

use std::net::SocketAddr;
use std::time::Duration;

use tokio::net::TcpListener;
use tokio_stream::wrappers::TcpListenerStream;
use tonic::service::Routes;
use tonic::transport::Server;
use tower::limit::GlobalConcurrencyLimitLayer;

use crate::config::Limits;
use crate::shutdown::Shutdown;
use crate::timeout::TimeoutLayer;

/// How often a quiet connection is probed, and how long an answer may take:
/// a follower that vanished is noticed within half a minute.
const KEEPALIVE_INTERVAL: Duration = Duration::from_secs(20);
const KEEPALIVE_TIMEOUT: Duration = Duration::from_secs(10);

/// Why a port cannot be served.
#[derive(Debug, thiserror::Error)]
pub enum ServeError {
    /// The address may not be listened on.
    #[error(transparent)]
    Access(#[from] ascertain_access::AccessError),
    /// The address is taken, or is not this machine's.
    #[error("{address} cannot be listened on")]
    Bind {
        /// The address.
        address: SocketAddr,
        /// Why.
        #[source]
        source: std::io::Error,
    },
    /// The server failed.
    #[error("the server on {address} failed")]
    Serve {
        /// The address.
        address: SocketAddr,
        /// Why.
        #[source]
        source: tonic::transport::Error,
    },
    /// The descriptors of the contract cannot be read: a defect of the build.
    #[error("the reflection service cannot be built")]
    Reflection(#[source] tonic_reflection::server::Error),
}

/// A bound port that is not served yet. Binding comes first, so that a taken
/// port ends a start before it has touched any data.
#[derive(Debug)]
pub struct Listener {
    inner: TcpListener,
    address: SocketAddr,
}

impl Listener {
    /// Binds a loopback address; port 0 takes a free one.
    ///
    /// # Errors
    /// [`ServeError::Access`] or [`ServeError::Bind`].
    pub async fn bind(address: SocketAddr) -> Result<Self, ServeError> {
        ascertain_access::require_loopback(address)?;
        let bind = |source| ServeError::Bind { address, source };
        let inner = TcpListener::bind(address).await.map_err(bind)?;
        let address = inner.local_addr().map_err(bind)?;
        Ok(Self { inner, address })
    }

    /// The address with the port that was given.
    #[must_use]
    pub fn local_addr(&self) -> SocketAddr {
        self.address
    }

    /// Where a client on this machine finds it, such as `http://127.0.0.1:7411`.
    #[must_use]
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }
}

/// Serves until the drain begins, then refuses new connections and returns when
/// the requests in flight are answered, at the latest after `patience`. Endless
/// streams should end on [`Shutdown::draining`]; those that do not, such as a
/// health watch, are cut off then. Message sizes are limited by each service,
/// because tonic has them there.
///
/// The timeout and the limit on concurrency hold until an answer begins: all of
/// an unary call, and only the opening of a stream.
///
/// # Errors
/// [`ServeError::Serve`].
pub async fn serve(
    listener: Listener,
    routes: Routes,
    limits: &Limits,
    patience: Duration,
    shutdown: Shutdown,
) -> Result<(), ServeError> {
    let address = listener.address;
    tracing::info!(%address, "listening");
    let drain = shutdown.clone();
    let server = Server::builder()
        .http2_keepalive_interval(Some(KEEPALIVE_INTERVAL))
        .http2_keepalive_timeout(Some(KEEPALIVE_TIMEOUT))
        .trace_fn(|request| tracing::debug_span!("call", path = request.uri().path()))
        .layer(GlobalConcurrencyLimitLayer::new(
            limits.max_concurrent_requests,
        ))
        .layer(TimeoutLayer(limits.request_timeout))
        .add_routes(routes)
        .serve_with_incoming_shutdown(connections(listener), async move {
            drain.draining().await;
        });
    tokio::select! {
        served = server => served.map_err(|source| ServeError::Serve { address, source }),
        () = out_of_patience(&shutdown, patience) => {
            tracing::warn!(%address, "streams still open after the drain were cut off");
            Ok(())
        }
    }
}

async fn out_of_patience(shutdown: &Shutdown, patience: Duration) {
    shutdown.draining().await;
    tokio::time::sleep(patience).await;
}

fn connections(
    listener: Listener,
) -> impl futures::Stream<Item = std::io::Result<tokio::net::TcpStream>> {
    use futures::StreamExt;
    TcpListenerStream::new(listener.inner).inspect(|connection| {
        // Answers are small and waited for: never hold one back for the next.
        if let Ok(stream) = connection
            && let Err(error) = stream.set_nodelay(true)
        {
            tracing::debug!(%error, "no TCP_NODELAY");
        }
    })
}

/// Adds gRPC reflection over the whole public contract.
///
/// # Errors
/// [`ServeError::Reflection`].
pub fn with_reflection(routes: Routes) -> Result<Routes, ServeError> {
    let reflection = tonic_reflection::server::Builder::configure()
        .register_encoded_file_descriptor_set(ascertain_proto::FILE_DESCRIPTOR_SET)
        .build_v1()
        .map_err(ServeError::Reflection)?;
    Ok(routes.add_service(reflection))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_free_port_is_given_and_told() {
        let listener = Listener::bind(SocketAddr::from(([127, 0, 0, 1], 0)))
            .await
            .expect("bound");
        assert_ne!(listener.local_addr().port(), 0);
        assert_eq!(
            listener.url(),
            format!("http://127.0.0.1:{}", listener.local_addr().port())
        );
    }

    #[tokio::test]
    async fn a_taken_port_is_an_error_that_names_it() {
        let first = Listener::bind(SocketAddr::from(([127, 0, 0, 1], 0)))
            .await
            .expect("bound");
        let error = Listener::bind(first.local_addr()).await.expect_err("taken");
        assert!(
            error.to_string().contains(&first.local_addr().to_string()),
            "{error}"
        );
    }

    #[tokio::test]
    async fn only_loopback_is_bound() {
        let all = SocketAddr::from(([0, 0, 0, 0], 0));
        assert!(matches!(
            Listener::bind(all).await,
            Err(ServeError::Access(_))
        ));
    }
}
