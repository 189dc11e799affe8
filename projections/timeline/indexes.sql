CREATE INDEX timeline_time ON timeline (occurred_at, event_id);
CREATE INDEX timeline_event ON timeline (event_id);
CREATE INDEX timeline_document ON timeline (document_id, occurred_at, event_id) WHERE document_id IS NOT NULL;
CREATE INDEX timeline_correlation ON timeline (correlation_id, occurred_at, event_id);
