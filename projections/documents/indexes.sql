CREATE INDEX documents_newest ON documents (created_at DESC, document_id DESC);
CREATE INDEX documents_search ON documents USING gin (search);
