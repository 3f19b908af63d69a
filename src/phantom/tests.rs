//! What a phantom promises.

use super::*;
