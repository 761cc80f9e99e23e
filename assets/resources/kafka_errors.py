"""What every error of a Kafka client means: server down, refused, this item, or our own bug.

`MEANINGS` is the only place that decides; by class, the nearest base class counts. Source: Apache
Kafka documentation, “Protocol guide”, error codes.
"""

import logging
import socket
import ssl
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Final

from kafka import errors
from kafka.errors import KafkaError

from assets.errors import ItemRefusedError, Meaning, ServerRefusedError, ServerUnavailableError

_MANAGER_LOG = logging.getLogger("kafka.net.manager")
_DOWN = (
    # Connections, leaders, coordinators and replicas that are not there at the moment.
    *(errors.RetriableError, errors.KafkaProtocolError, errors.UnknownError),
    *(errors.BrokerNotAvailableError, errors.UnknownBrokerIdError, errors.LogDirNotFoundError),
    *(errors.StaleBrokerEpochError, errors.StaleControllerEpochError, errors.NewLeaderElectedError),
    *(errors.ReassignmentInProgressError, errors.OperationNotAttemptedError),
    # The brokers have lost what they knew of this producer; another one begins anew.
    *(errors.OutOfOrderSequenceNumberError, errors.DuplicateSequenceNumberError),
    *(errors.UnknownProducerIdError, errors.InvalidProducerIdMappingError),
    *(errors.InvalidProducerEpochError, errors.ProducerFencedError),
    *(ConnectionError, TimeoutError, socket.gaierror, ssl.SSLError),
)
_REFUSED = (
    # Who this client is, and what it may do.
    *(
        errors.AuthorizationError,
        errors.SaslAuthenticationFailedError,
        errors.SecurityDisabledError,
    ),
    *(errors.UnsupportedSaslMechanismError, errors.IllegalSaslStateError),
    *(errors.DelegationTokenAuthDisabledError, errors.DelegationTokenExpiredError),
    *(errors.DelegationTokenNotFoundError, errors.DelegationTokenOwnerMismatchError),
    *(errors.DelegationTokenRequestNotAllowedError, errors.InvalidPrincipalTypeError),
    *(errors.PrincipalDeserializationFailureError, errors.UnacceptableCredentialError),
    *(errors.PolicyViolationError, errors.TopicDeletionDisabledError, errors.QuotaViolationError),
    # What topic, brokers and their settings are.
    *(errors.UnknownTopicOrPartitionError, errors.UnknownTopicIdError, errors.InvalidTopicError),
    *(errors.InvalidConfigurationError, errors.InvalidPartitionsError),
    *(errors.InvalidReplicationFactorError, errors.InvalidReplicationAssignmentError),
    *(errors.UnsupportedVersionError, errors.UnrecognizedBrokerVersion),
    *(errors.UnsupportedCompressionTypeError, errors.UnsupportedForMessageFormatError),
    *(errors.ResourceNotFoundError, errors.OffsetMovedToTieredStorageError),
    # Other members of the consumer group.
    *(errors.CommitFailedError, errors.IllegalGenerationError, errors.UnknownMemberIdError),
    *(errors.RebalanceInProgressError, errors.MemberIdRequiredError, errors.InvalidGroupIdError),
    *(errors.InconsistentGroupProtocolError, errors.GroupMaxSizeReachedError),
    *(errors.GroupIdNotFoundError, errors.GroupSubscribedToTopicError, errors.NonEmptyGroupError),
    *(errors.FencedInstanceIdError, errors.UnreleasedInstanceIdError),
    *(errors.FencedMemberEpochError, errors.StaleMemberEpochError, errors.UnsupportedAssignorError),
)
_ITEM = (
    *(errors.MessageSizeTooLargeError, errors.RecordListTooLargeError, errors.InvalidRecordError),
    *(errors.CorruptRecordError, errors.InvalidTimestampError, errors.UnsupportedCodecError),
    # Positions in a partition; the reader records a gap.
    *(errors.OffsetOutOfRangeError, errors.LogTruncationError, errors.NoOffsetForPartitionError),
    errors.PositionOutOfRangeError,
)
_OURS = (
    # Requests that are not valid.
    *(errors.IllegalArgumentError, errors.IllegalStateError, errors.KafkaConfigurationError),
    *(errors.InvalidRequestError, errors.InvalidFetchRequestError, errors.InvalidRequiredAcksError),
    *(errors.InvalidSessionTimeoutError, errors.OffsetMetadataTooLargeError),
    *(errors.InvalidCommitOffsetSizeError, errors.TopicAlreadyExistsError, errors.NoError),
    *(errors.DuplicateResourceError, errors.NoReassignmentInProgressError),
    # Transactions, share groups, telemetry and the brokers' own requests: no client here uses them.
    *(errors.InvalidTransactionTimeoutError, errors.InvalidTxnStateError),
    *(errors.TransactionAbortableError, errors.TransactionAbortedError),
    *(errors.TransactionCoordinatorFencedError, errors.TransactionalIdNotFoundError),
    *(errors.FencedStateEpochError, errors.InvalidRecordStateError),
    *(errors.UnknownSubscriptionIdError, errors.TelemetryTooLargeError),
    *(errors.BrokerIdNotRegisteredError, errors.DuplicateBrokerRegistrationError),
    *(errors.InvalidRegistrationError, errors.FeatureUpdateFailedError),
    *(errors.InconsistentClusterIdError, errors.UnknownControllerIdError),
    *(errors.InconsistentVoterSetError, errors.DuplicateVoterError, errors.VoterNotFoundError),
    *(errors.InvalidVoterKeyError, errors.InvalidUpdateVersionError, errors.IneligibleReplicaError),
    *(errors.MismatchedEndpointTypeError, errors.UnsupportedEndpointTypeError),
    errors.SnapshotNotFoundError,
)
MEANINGS: Final[Mapping[type[BaseException], Meaning]] = {
    **dict.fromkeys(_DOWN, ServerUnavailableError),
    **dict.fromkeys(_REFUSED, ServerRefusedError),
    **dict.fromkeys(_ITEM, ItemRefusedError),
    **dict.fromkeys(_OURS, None),
}
"""What a class of errors means, unless a class derived from it is here too; None: our own bug."""


def meaning(error: BaseException) -> Meaning:
    """Returns as what an error is to be raised; None when it is a bug of our own."""
    return next((MEANINGS[kind] for kind in type(error).__mro__ if kind in MEANINGS), None)


@contextmanager
def translated(servers: str) -> Iterator[None]:
    """Raises the errors of Kafka clients inside the block as what they mean, our own as they are.

    Args:
        servers: Addresses of the brokers, as the messages name them.
    """
    failure = _ConnectionFailure()
    _MANAGER_LOG.addHandler(failure)
    try:
        yield
    except (KafkaError, OSError) as error:
        told = failure.error or error if isinstance(error, errors.KafkaTimeoutError) else error
        if (found := meaning(told)) is None:
            raise
        raise found("Kafka", servers, describe(told)) from error
    finally:
        _MANAGER_LOG.removeHandler(failure)


class _ConnectionFailure(logging.Handler):
    """Keeps why a client could not connect, such as a refused password.

    kafka-python tries again until its time is up, says why in its log, and raises that time is up.
    """

    error: BaseException | None = None

    def emit(self, record: logging.LogRecord) -> None:
        """Takes the error from the message about a failed connection."""
        if not record.msg.startswith("Bootstrap connection to"):
            return
        for told in record.args or ():
            # A refusal says more than the attempt after it, which had no time left.
            if isinstance(told, Exception) and not self._is_refusal():
                self.error = told

    def _is_refusal(self) -> bool:
        return self.error is not None and meaning(self.error) is ServerRefusedError


def describe(error: BaseException) -> str:
    """Describes an error in one line: its class, and what its client says about it."""
    text = next(iter(str(error).splitlines()), "")
    named = type(error).__name__
    return text if text.startswith(named) else f"{named}: {text}".rstrip(": ")
