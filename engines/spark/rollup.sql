-- gaptrace rollup on Spark: docs/rollup.md#spark. Each task filters its rows through the command.
--
--   source   a table or subquery whose column value has lines for the command spans
--   spans    the command that makes rows of lines
--   fold     the command that makes a partial of the sorted rows of some traces
--   output   a folder for the partials, to read with gaptrace rollup merge output/part-*
INSERT OVERWRITE DIRECTORY '${output}' USING text
SELECT TRANSFORM (trace, span) ROW FORMAT DELIMITED FIELDS TERMINATED BY '\t'
  USING '${fold}' AS (partial STRING) ROW FORMAT DELIMITED FIELDS TERMINATED BY '\t'
FROM (
  SELECT * FROM (
    SELECT TRANSFORM (value) ROW FORMAT DELIMITED FIELDS TERMINATED BY '\t'
      USING '${spans}' AS (trace STRING, span STRING) ROW FORMAT DELIMITED FIELDS TERMINATED BY '\t'
    FROM ${source}
  )
  DISTRIBUTE BY substr(trace, 1, 16) SORT BY trace
);
