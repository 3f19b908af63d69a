//! Delivers results: sends each DICOM file of a result folder to a node once.
//!
//! A file beside the results records the deliveries, so that a restart continues with the rest. Results stay in their
//! folder, delivered or not.

mod delivering_processor;
mod record;
mod result_sender;
mod worker;

pub use delivering_processor::DeliveringProcessor;
pub use record::is_delivered;
pub use result_sender::ResultSender;
pub use worker::{DeliveryQueue, DeliveryWorker, Undelivered};
