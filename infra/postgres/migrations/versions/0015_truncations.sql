-- A log can lose its end, as when an older data folder is restored: its lost offsets are given to other messages. The
-- leader epoch shows where that was, and the number of the truncation distinguishes the messages of one offset.
alter table image_catalog.kafka_offset add column leader_epoch integer check (leader_epoch >= 0);

comment on column image_catalog.kafka_offset.leader_epoch is
'Leader epoch of the batch before the next offset; null where the brokers have none.';

alter table image_catalog.kafka_gap
add column truncations_count integer not null default 0 check (truncations_count >= 0),
drop constraint kafka_gap_topic_incarnation_partition_no_first_offset_key,
add unique (topic, incarnation, partition_no, truncations_count, first_offset, reason_code),
drop constraint kafka_gap_reason_code_check,
add constraint kafka_gap_reason_code_check
check (reason_code in ('expired', 'missing', 'topic_recreated', 'truncated'));

comment on column image_catalog.kafka_gap.truncations_count is
'How often the partition had been truncated before.';
comment on column image_catalog.kafka_gap.reason_code is
'expired: older than what the brokers keep; missing: between other messages; topic_recreated: deleted with the topic;
truncated: the log lost its end, which may have been landed before.';
