CREATE INDEX damages_newest ON damages (found_at DESC, document_id DESC, version DESC) WHERE state = 'damaged';
