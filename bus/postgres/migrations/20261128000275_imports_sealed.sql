-- migrate:up

-- Names of imported files are sealed from now on, and reasons of refused rows quote no cell. What was stored in clear
-- is cut: of a name its ending stays, of a reason its words.
UPDATE imports SET file = '…' || coalesce(substring(file from '\.[A-Za-z0-9]{1,8}(?:\.gz)?$'), '')
WHERE file NOT LIKE 'enc:v1:%';
UPDATE refused_inputs SET
    detail_zh = regexp_replace(detail_zh, '“.*”', '“…”'),
    detail_en = regexp_replace(detail_en, '''.*''|".*"', '''…''')
WHERE origin LIKE 'import:%';

-- migrate:down

-- Nothing to take back: what was cut is gone, and an earlier version shows a sealed name as it is stored.
