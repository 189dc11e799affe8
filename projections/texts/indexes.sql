CREATE INDEX texts_search ON texts USING gin (search);
