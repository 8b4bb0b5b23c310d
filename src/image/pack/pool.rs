//! [`Pool`]: threads that compress batches, and the bounded number of buffers that all layers share.

use std::io;
use std::sync::mpsc::{Receiver, Sender, SyncSender, channel, sync_channel};
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::thread;

use super::encode::{BATCH, Encoder};
use crate::image::compression::Compression;

/// Enough for any disk; more would only cost memory.
const THREADS_LIMIT: usize = 12;
/// Batches that are being read or written while every thread compresses one.
const BATCHES_BESIDE: usize = 6;

/// Content of a batch, and its compressed form. Goes back to where it came from when it is dropped.
pub(super) struct Batch {
    pub(super) content: Vec<u8>,
    pub(super) packed: Vec<u8>,
    home: Arc<Home>,
}

impl Drop for Batch {
    fn drop(&mut self) {
        let buffers = (std::mem::take(&mut self.content), std::mem::take(&mut self.packed));
        self.home.spare.lock().unwrap_or_else(PoisonError::into_inner).push(buffers);
        self.home.returned.notify_one();
    }
}

#[derive(Default)]
struct Home {
    spare: Mutex<Vec<(Vec<u8>, Vec<u8>)>>,
    returned: Condvar,
}

struct Job {
    batch: Batch,
    reply: SyncSender<io::Result<Batch>>,
}

/// Compresses batches on every core. Its threads end with it.
pub(super) struct Pool {
    jobs: Sender<Job>,
    home: Arc<Home>,
}

impl Pool {
    pub(super) fn start(compression: Compression) -> io::Result<Self> {
        let threads = thread::available_parallelism().map_or(1, usize::from).min(THREADS_LIMIT);
        Self::with_threads(compression, threads)
    }

    pub(super) fn with_threads(compression: Compression, threads: usize) -> io::Result<Self> {
        let home = Arc::new(Home::default());
        let buffers = std::iter::repeat_with(Default::default).take(threads + BATCHES_BESIDE);
        home.spare.lock().unwrap_or_else(PoisonError::into_inner).extend(buffers);
        let (jobs, queue) = channel::<Job>();
        let queue = Arc::new(Mutex::new(queue));
        for _ in 0..threads {
            let (mut encoder, queue) = (Encoder::new(compression)?, Arc::clone(&queue));
            thread::Builder::new().name("compress".to_owned()).spawn(move || {
                while let Some(Job { mut batch, reply }) = next(&queue) {
                    let Batch { content, packed, .. } = &mut batch;
                    let outcome = encoder.encode(content, packed);
                    // Nobody may wait for it any more; the buffers go home either way.
                    let _ = reply.send(outcome.map(|()| batch));
                }
            })?;
        }
        Ok(Self { jobs, home })
    }

    /// An empty batch, as soon as one is free. The number of batches bounds the memory of all layers together.
    pub(super) fn batch(&self) -> Batch {
        let mut spare = self.home.spare.lock().unwrap_or_else(PoisonError::into_inner);
        let (mut content, packed) = loop {
            match spare.pop() {
                Some(buffers) => break buffers,
                None => spare = self.home.returned.wait(spare).unwrap_or_else(PoisonError::into_inner),
            }
        };
        content.resize(BATCH, 0);
        Batch { content, packed, home: Arc::clone(&self.home) }
    }

    /// Has a batch compressed; it arrives at the receiver.
    pub(super) fn compress(&self, batch: Batch) -> io::Result<Receiver<io::Result<Batch>>> {
        let (reply, arrival) = sync_channel(1);
        match self.jobs.send(Job { batch, reply }) {
            Ok(()) => Ok(arrival),
            Err(_) => Err(io::Error::other("the threads that compress are gone")),
        }
    }
}

fn next(queue: &Mutex<Receiver<Job>>) -> Option<Job> {
    queue.lock().unwrap_or_else(PoisonError::into_inner).recv().ok()
}
