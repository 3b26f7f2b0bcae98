-- migrate:up

ALTER TABLE delivery_targets ADD COLUMN host text NOT NULL DEFAULT ''; -- that it lives on, as its watch names it

-- Disks to which nothing more is to be written that can wait.
CREATE VIEW disk_floors AS SELECT host, path, role FROM disks WHERE 'floor' IN (mark, inode_mark);

-- Targets whose host has no room: they are not called until it has.
CREATE VIEW targets_at_floor AS
SELECT t.target, min(format('主机 %s 的 %s 已到停写线,腾出空间后自动恢复 / %s on %s is at its floor, resumes by itself',
    f.host, f.path, f.path, f.host)) AS why
FROM delivery_targets t JOIN disk_floors f USING (host) GROUP BY t.target;

-- migrate:down

DROP VIEW targets_at_floor, disk_floors;
ALTER TABLE delivery_targets DROP COLUMN host;
