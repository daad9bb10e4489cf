CREATE OR REPLACE TRIGGER touch BEFORE UPDATE ON knowledge_items FOR EACH ROW EXECUTE FUNCTION touch_row();
CREATE OR REPLACE TRIGGER touch BEFORE UPDATE ON knowledge_transfers FOR EACH ROW EXECUTE FUNCTION touch_row();
CREATE OR REPLACE TRIGGER touch BEFORE UPDATE ON learning_sessions FOR EACH ROW EXECUTE FUNCTION touch_row();

-- A use that is counted is bookkeeping: it changes no version, or every use would be a lost update to somebody.
CREATE OR REPLACE TRIGGER touch BEFORE UPDATE ON patterns FOR EACH ROW
  WHEN (OLD.usage_count = NEW.usage_count)
  EXECUTE FUNCTION touch_row();
