import static java.nio.charset.StandardCharsets.UTF_8;

import java.io.BufferedReader;
import java.io.File;
import java.io.IOException;
import java.io.InputStreamReader;
import java.io.OutputStreamWriter;
import java.io.Writer;
import java.nio.file.Files;
import java.util.concurrent.CompletableFuture;
import org.apache.flink.api.common.RuntimeExecutionMode;
import org.apache.flink.api.common.eventtime.WatermarkStrategy;
import org.apache.flink.api.common.functions.MapPartitionFunction;
import org.apache.flink.api.common.operators.Order;
import org.apache.flink.api.common.serialization.SimpleStringEncoder;
import org.apache.flink.api.common.typeinfo.Types;
import org.apache.flink.api.java.functions.KeySelector;
import org.apache.flink.connector.file.sink.FileSink;
import org.apache.flink.connector.file.src.FileSource;
import org.apache.flink.connector.file.src.reader.TextLineInputFormat;
import org.apache.flink.core.fs.Path;
import org.apache.flink.streaming.api.datastream.DataStream;
import org.apache.flink.streaming.api.environment.StreamExecutionEnvironment;
import org.apache.flink.streaming.api.functions.sink.filesystem.bucketassigners.BasePathBucketAssigner;
import org.apache.flink.util.Collector;

/** gaptrace rollup on Flink: docs/rollup.md#flink. Each task passes its lines through a command. */
public class Rollup {
    /** The arguments: a folder of lines or slices:N, a folder for the partials, and the commands spans and fold. */
    public static void main(String[] args) throws Exception {
        String input = args[0], output = args[1], spans = args[2], fold = args[3];
        StreamExecutionEnvironment env = StreamExecutionEnvironment.getExecutionEnvironment();
        env.setRuntimeMode(RuntimeExecutionMode.BATCH);
        KeySelector<String, String> trace = row -> row.substring(0, 16), key = row -> row.substring(0, 32);
        lines(env, input)
                .fullWindowPartition().mapPartition(new Command(spans)).returns(Types.STRING)
                .partitionCustom((id, n) -> Math.floorMod(id.hashCode(), n), trace)
                .fullWindowPartition().sortPartition(key, Order.ASCENDING)
                .fullWindowPartition().mapPartition(new Command(fold)).returns(Types.STRING)
                .sinkTo(FileSink.forRowFormat(new Path(output), new SimpleStringEncoder<String>())
                        .withBucketAssigner(new BasePathBucketAssigner<>()).build());
        env.execute("gaptrace rollup");
    }

    private static DataStream<String> lines(StreamExecutionEnvironment env, String input) {
        if (input.startsWith("slices:")) {
            int n = Integer.parseInt(input.substring("slices:".length()));
            return env.fromSequence(0, n - 1).map(i -> i + "/" + n).returns(Types.STRING);
        }
        FileSource<String> files = FileSource.forRecordStreamFormat(new TextLineInputFormat(), new Path(input)).build();
        return env.fromSource(files, WatermarkStrategy.noWatermarks(), "lines");
    }

    /** Passes the lines of a partition through a shell command. If the command fails, so does the task. */
    @SuppressWarnings("serial")
    private static class Command implements MapPartitionFunction<String, String> {
        private final String command;

        Command(String command) {
            this.command = command;
        }

        @Override
        public void mapPartition(Iterable<String> lines, Collector<String> out) throws Exception {
            File errors = File.createTempFile("rollup", ".stderr");
            Process p = new ProcessBuilder("sh", "-c", command).redirectError(errors).start();
            try {
                CompletableFuture<Void> fed = CompletableFuture.runAsync(() -> feed(p, lines), task -> new Thread(task).start());
                BufferedReader r = new BufferedReader(new InputStreamReader(p.getInputStream(), UTF_8));
                for (String line; (line = r.readLine()) != null; ) {
                    out.collect(line);
                }
                if (p.waitFor() != 0) {
                    throw new IOException(command + ": exit code " + p.exitValue() + ": " + Files.readString(errors.toPath()));
                }
                fed.get();
            } finally {
                p.destroyForcibly();
                errors.delete();
            }
        }

        private static void feed(Process p, Iterable<String> lines) {
            try (Writer w = new OutputStreamWriter(p.getOutputStream(), UTF_8)) {
                for (String line : lines) {
                    w.append(line).append('\n');
                }
            } catch (IOException e) {
                throw new java.io.UncheckedIOException(e);
            }
        }
    }
}
