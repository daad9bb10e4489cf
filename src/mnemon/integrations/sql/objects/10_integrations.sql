CREATE OR REPLACE TRIGGER touch BEFORE UPDATE ON integrations FOR EACH ROW EXECUTE FUNCTION touch_row();
CREATE OR REPLACE TRIGGER touch BEFORE UPDATE ON gmail_messages FOR EACH ROW EXECUTE FUNCTION touch_row();
CREATE OR REPLACE TRIGGER touch BEFORE UPDATE ON calendar_events FOR EACH ROW EXECUTE FUNCTION touch_row();
CREATE OR REPLACE TRIGGER touch BEFORE UPDATE ON drive_files FOR EACH ROW EXECUTE FUNCTION touch_row();
-- How often it failed is bookkeeping: it changes no version.
CREATE OR REPLACE TRIGGER touch BEFORE UPDATE ON webhook_endpoints FOR EACH ROW
  WHEN (OLD.failures = NEW.failures OR OLD.active <> NEW.active) EXECUTE FUNCTION touch_row();
