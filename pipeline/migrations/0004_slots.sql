-- How many slots workers had for a job when its attempt began: what its execution is started with, the same again each
-- time.
ALTER TABLE job ADD COLUMN slots INTEGER;         -- of this attempt; NULL: nobody has looked yet
