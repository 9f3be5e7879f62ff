//! What the C client's errors mean here: whose fault, and whether to try again.

use rdkafka::error::KafkaError;
use rdkafka::types::RDKafkaErrorCode as Code;

use crate::error::{Error, Fault};

/// Turns an error of the client into ours. Settings are named, their values never shown.
pub(super) fn classify(action: impl Into<String>, error: &KafkaError) -> Error {
    if let KafkaError::ClientConfig(_, _, key, _) = error {
        return Error::InvalidConfig {
            reason: format!("the kafka setting {key} has an unknown name or a wrong value"),
        };
    }
    let code = code(error);
    let (fault, mut retryable) = code.map_or((Fault::External, false), judge);
    if let KafkaError::Transaction(transaction) = error {
        retryable = !transaction.is_fatal() && (retryable || transaction.is_retriable());
    }
    Error::Kafka { action: action.into(), reason: error.to_string(), fault, retryable }
}

/// The same from a bare code.
pub(super) fn classify_code(action: impl Into<String>, code: Code) -> Error {
    let (fault, retryable) = judge(code);
    Error::Kafka { action: action.into(), reason: code.to_string(), fault, retryable }
}

/// The code in an error, admin operations included.
pub(super) fn code(error: &KafkaError) -> Option<Code> {
    match error {
        KafkaError::AdminOp(code) | KafkaError::MessageConsumptionFatal(code) => Some(*code),
        other => other.rdkafka_error_code(),
    }
}

/// Whether a newer producer has the transactional id.
pub(super) fn is_fenced(code: Code) -> bool {
    matches!(
        code,
        Code::Fenced | Code::InvalidProducerEpoch | Code::ProducerFenced | Code::TransactionCoordinatorFenced
    )
}

/// Whether the client reports it for information and goes on by itself.
pub(super) fn is_transport(code: Code) -> bool {
    matches!(
        code,
        Code::BrokerTransportFailure
            | Code::AllBrokersDown
            | Code::Resolve
            | Code::OperationTimedOut
            | Code::RequestTimedOut
            | Code::NetworkException
            | Code::LeaderNotAvailable
            | Code::NotLeaderForPartition
            | Code::BrokerNotAvailable
            | Code::ReplicaNotAvailable
            | Code::CoordinatorLoadInProgress
            | Code::CoordinatorNotAvailable
            | Code::NotCoordinator
            | Code::WaitingForCoordinator
            | Code::KafkaStorageError
    )
}

fn judge(code: Code) -> (Fault, bool) {
    match code {
        code if is_transport(code) => (Fault::External, true),
        Code::MessageTimedOut
        | Code::TimedOutQueue
        | Code::QueueFull
        | Code::NotEnoughReplicas
        | Code::NotEnoughReplicasAfterAppend
        | Code::ConcurrentTransactions
        | Code::PurgeQueue
        | Code::PurgeInflight
        | Code::NotController => (Fault::External, true),
        Code::Authentication
        | Code::SaslAuthenticationFailed
        | Code::UnsupportedSASLMechanism
        | Code::SSL
        | Code::TopicAuthorizationFailed
        | Code::GroupAuthorizationFailed
        | Code::ClusterAuthorizationFailed
        | Code::TransactionalIdAuthorizationFailed
        | Code::InvalidTopic
        | Code::InvalidConfig
        | Code::InvalidPartitions
        | Code::InvalidReplicationFactor
        | Code::InvalidRecord
        | Code::InvalidTimestamp
        | Code::InvalidMessageSize
        | Code::MessageSizeTooLarge
        | Code::MessageBatchTooLarge
        | Code::InvalidTransactionTimeout
        | Code::InvalidGroupId
        | Code::InvalidRequest
        | Code::PolicyViolation
        | Code::UnknownTopic
        | Code::UnknownTopicOrPartition
        | Code::UnknownPartition
        | Code::NotConfigured => (Fault::User, false),
        Code::State | Code::InvalidArgument | Code::Conflict | Code::InvalidTransactionalState => {
            (Fault::Internal, false)
        }
        _ => (Fault::External, false),
    }
}

#[cfg(test)]
mod tests {
    use rdkafka::ClientConfig;
    use rdkafka::producer::BaseProducer;

    use super::*;

    #[test]
    fn a_wrong_setting_is_named_without_its_value() {
        let made: Result<BaseProducer, _> = ClientConfig::new().set("sasl.mechanisms.x", "hunter2").create();
        let error = classify("connect", &made.err().unwrap());
        assert!(error.to_string().contains("sasl.mechanisms.x"), "{error}");
        assert!(!error.to_string().contains("hunter2"), "{error}");
        assert_eq!(error.fault(), Fault::User);
    }

    #[test]
    fn errors_say_whose_fault_and_whether_to_retry() {
        let of = |code| classify_code("x", code);
        assert!(of(Code::BrokerTransportFailure).retryable());
        assert_eq!(of(Code::TopicAuthorizationFailed).fault(), Fault::User);
        assert!(!of(Code::TopicAuthorizationFailed).retryable());
        assert_eq!(of(Code::State).fault(), Fault::Internal);
        assert!(is_fenced(Code::ProducerFenced) && !is_fenced(Code::ConcurrentTransactions));
    }
}
