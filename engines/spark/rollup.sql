-- gaptrace rollup on Spark: docs/rollup.md#spark. Each task passes its lines through a command.
--
--   source   a table or subquery whose column value has lines for the command spans
--   spans    the command that turns these lines into rows
--   fold     the command that turns the sorted rows of some traces into a partial
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
