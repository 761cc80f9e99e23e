-- A record batch that cannot be read is a gap, and its bytes are a rejected image in quarantine.
alter table image_catalog.kafka_gap
drop constraint kafka_gap_reason_code_check,
add constraint kafka_gap_reason_code_check check (
    reason_code in (
        'expired', 'missing', 'topic_recreated', 'truncated',
        'corrupt', 'unknown_format', 'unknown_codec', 'undecodable'
    )
);

comment on column image_catalog.kafka_gap.reason_code is
'expired: older than what the brokers keep; missing: between other messages; topic_recreated: deleted with the topic;
truncated: the log lost its end, which may have been landed before; corrupt, unknown_format, unknown_codec, undecodable: a
record batch that cannot be read, in quarantine.';
