//! Readers between synchronous files and asynchronous objects of the queue.

use std::{
    io::{self, Read},
    pin::Pin,
    task::{Context, Poll},
    time::Duration,
};

use bytes::Bytes;
use tokio::{
    io::{AsyncRead, ReadBuf},
    time::timeout,
};

use super::{
    jetstream_queue::Object,
    link::{Link, Stopped, Tick},
};

/// Time limit for the next part of an object.
const CHUNK_TIMEOUT: Duration = Duration::from_secs(30);

/// A blocking reader of an object, with a time limit for each part.
pub(crate) struct ObjectReader<'a> {
    link: &'a Link,
    object: Object,
    chunk: Bytes,
    tick: Tick<'a>,
}

impl<'a> ObjectReader<'a> {
    /// Reads `object`; calls `tick` while waiting.
    pub(crate) const fn new(link: &'a Link, object: Object, tick: Tick<'a>) -> Self {
        Self { link, object, chunk: Bytes::new(), tick }
    }
}

impl Read for ObjectReader<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let Self { link, object, chunk, tick } = self;
        while chunk.is_empty() && !buffer.is_empty() {
            let next = link.wait(async { timeout(CHUNK_TIMEOUT, object.chunk()).await }, &mut **tick);
            match next.map_err(|Stopped| io::Error::from(io::ErrorKind::ConnectionAborted))? {
                Ok(Ok(Some(more))) => *chunk = more,
                Ok(Ok(None)) => return Ok(0),
                Ok(Err(error)) => return Err(error),
                Err(_) => return Err(io::ErrorKind::TimedOut.into()),
            }
        }
        let most = buffer.len().min(chunk.len());
        buffer[..most].copy_from_slice(&chunk.split_to(most));
        Ok(most)
    }
}

/// Adapts a synchronous reader for async code of the same thread. Fills each buffer completely, except at the end.
pub(crate) struct AsyncReader<R>(pub(crate) R);

impl<R: Read + Unpin> AsyncRead for AsyncReader<R> {
    fn poll_read(mut self: Pin<&mut Self>, _: &mut Context<'_>, buffer: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        while buffer.remaining() > 0 {
            let read = self.0.read(buffer.initialize_unfilled())?;
            if read == 0 {
                break;
            }
            buffer.advance(read);
        }
        Poll::Ready(Ok(()))
    }
}
