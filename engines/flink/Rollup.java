import static java.nio.charset.StandardCharsets.UTF_8;

import java.io.BufferedReader;
import java.io.ByteArrayOutputStream;
import java.io.File;
import java.io.IOException;
import java.io.InputStreamReader;
import java.nio.file.Files;
import java.util.concurrent.ArrayBlockingQueue;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.TimeUnit;
import org.apache.flink.api.common.RuntimeExecutionMode;
import org.apache.flink.api.common.eventtime.WatermarkStrategy;
import org.apache.flink.api.common.operators.Order;
import org.apache.flink.api.common.serialization.SimpleStringEncoder;
import org.apache.flink.api.common.typeinfo.Types;
import org.apache.flink.api.java.functions.KeySelector;
import org.apache.flink.connector.file.sink.FileSink;
import org.apache.flink.connector.file.src.FileSource;
import org.apache.flink.connector.file.src.reader.TextLineInputFormat;
import org.apache.flink.core.fs.Path;
import org.apache.flink.streaming.api.datastream.DataStream;
import org.apache.flink.streaming.api.datastream.SingleOutputStreamOperator;
import org.apache.flink.streaming.api.environment.StreamExecutionEnvironment;
import org.apache.flink.streaming.api.functions.sink.filesystem.bucketassigners.BasePathBucketAssigner;
import org.apache.flink.streaming.api.operators.AbstractStreamOperator;
import org.apache.flink.streaming.api.operators.BoundedOneInput;
import org.apache.flink.streaming.api.operators.ChainingStrategy;
import org.apache.flink.streaming.api.operators.OneInputStreamOperator;
import org.apache.flink.streaming.api.transformations.PhysicalTransformation;
import org.apache.flink.streaming.runtime.streamrecord.StreamRecord;

/** gaptrace rollup on Flink: docs/rollup.md#flink. Each task passes its lines through a command. */
public class Rollup {
    /** The arguments: a folder of lines or slices:N, a folder for the partials, and the commands spans and fold. */
    public static void main(String[] args) throws Exception {
        String input = args[0], output = args[1], spans = args[2], fold = args[3];
        StreamExecutionEnvironment env = StreamExecutionEnvironment.getExecutionEnvironment();
        env.setRuntimeMode(RuntimeExecutionMode.BATCH);
        KeySelector<String, String> trace = row -> row.substring(0, 16), key = row -> row.substring(0, 32);
        DataStream<String> sorted = through(lines(env, input), "spans", spans)
                .partitionCustom((id, n) -> Math.floorMod(id.hashCode(), n), trace)
                .fullWindowPartition().sortPartition(key, Order.ASCENDING);
        through(sorted, "fold", fold)
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

    /** Adds a step, in the same task as the step before it: lines are not stored in between. */
    private static DataStream<String> through(DataStream<String> lines, String name, String command) {
        SingleOutputStreamOperator<String> step = lines.transform(name, Types.STRING, new Command(command));
        ((PhysicalTransformation<String>) step.getTransformation()).setChainingStrategy(ChainingStrategy.ALWAYS);
        return step;
    }

    /** Passes lines through a shell command. If the command fails, so does the task. */
    @SuppressWarnings("serial")
    private static class Command extends AbstractStreamOperator<String>
            implements OneInputStreamOperator<String, String>, BoundedOneInput {
        private static final int BATCH = 64 << 10;
        private final String command;
        private transient Process process;
        private transient File errors;
        private transient ExecutorService threads;
        private transient ByteArrayOutputStream batch; // lines that are not written yet
        private transient Future<?> written, read;
        private transient BlockingQueue<String> rows; // what the command has written

        Command(String command) {
            this.command = command;
        }

        @Override
        public void open() throws Exception {
            super.open();
            errors = File.createTempFile("rollup", ".stderr");
            process = new ProcessBuilder("sh", "-c", command).redirectError(errors).start();
            threads = Executors.newCachedThreadPool();
            batch = new ByteArrayOutputStream(2 * BATCH);
            written = CompletableFuture.completedFuture(null);
            rows = new ArrayBlockingQueue<>(10_000);
            read = threads.submit(() -> {
                BufferedReader r = new BufferedReader(new InputStreamReader(process.getInputStream(), UTF_8), BATCH);
                for (String line; (line = r.readLine()) != null; ) {
                    rows.put(line);
                }
                return null;
            });
        }

        @Override
        public void processElement(StreamRecord<String> line) throws Exception {
            batch.write(line.getValue().getBytes(UTF_8));
            batch.write('\n');
            if (batch.size() >= BATCH) {
                write();
            }
        }

        @Override
        public void endInput() throws Exception {
            write();
            emitUntil(written);
            process.getOutputStream().close();
            emitUntil(read);
            for (String row; (row = rows.poll()) != null; ) {
                output.collect(new StreamRecord<>(row));
            }
            if (process.waitFor() != 0) {
                throw failure();
            }
        }

        @Override
        public void close() throws Exception {
            super.close();
            if (process != null) {
                process.destroyForcibly();
                threads.shutdownNow();
                errors.delete();
            }
        }

        private void write() throws Exception {
            emitUntil(written);
            byte[] lines = batch.toByteArray();
            batch.reset();
            written = threads.submit(() -> {
                process.getOutputStream().write(lines);
                process.getOutputStream().flush();
                return null;
            });
        }

        /** Emits rows while another thread works: the command reads no further while nobody takes its rows. */
        private void emitUntil(Future<?> done) throws Exception {
            while (!done.isDone()) {
                String row = rows.poll(1, TimeUnit.MILLISECONDS);
                if (row != null) {
                    output.collect(new StreamRecord<>(row));
                }
            }
            try {
                done.get();
            } catch (ExecutionException e) { // a broken pipe: the command says why
                throw process.waitFor() == 0 ? e : failure();
            }
        }

        private IOException failure() throws Exception {
            return new IOException(command + ": exit code " + process.exitValue() + ": " + Files.readString(errors.toPath()));
        }
    }
}
