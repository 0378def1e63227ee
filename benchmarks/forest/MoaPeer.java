/**
 * MOA's adaptive random forest over a stream, test-then-train: how often it is right, and how fast it is.
 *
 * java -cp 'libs/*' MoaPeer.java DATA ROWS FEATURES CLASSES NOMINAL SEED WARM_UP
 *
 * DATA holds ROWS records of FEATURES values and a label, each a little-endian double. NOMINAL says for each
 * feature how many codes it has, 0 for a number, with commas between. Before the clock starts, a forest of its own
 * goes over the first WARM_UP rows and everything is parsed, so that neither compiling nor reading is counted.
 * The last line printed is one object of JSON: what was predicted goes by way of a matrix, true label times predicted.
 */

import com.yahoo.labs.samoa.instances.Attribute;
import com.yahoo.labs.samoa.instances.DenseInstance;
import com.yahoo.labs.samoa.instances.Instance;
import com.yahoo.labs.samoa.instances.Instances;
import com.yahoo.labs.samoa.instances.InstancesHeader;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import moa.classifiers.Classifier;
import moa.classifiers.meta.AdaptiveRandomForest;
import moa.core.Utils;

public final class MoaPeer {

    private final InstancesHeader header;
    private final Instance[] instances;
    private final int classes;
    private final int seed;

    private MoaPeer(String[] arguments) throws Exception {
        int rows = Integer.parseInt(arguments[1]);
        int features = Integer.parseInt(arguments[2]);
        classes = Integer.parseInt(arguments[3]);
        seed = Integer.parseInt(arguments[5]);
        header = header(arguments[4].split(","), classes);
        instances = read(Path.of(arguments[0]), rows, features);
    }

    public static void main(String[] arguments) throws Exception {
        MoaPeer peer = new MoaPeer(arguments);
        int warmUp = Math.min(Integer.parseInt(arguments[6]), peer.instances.length);
        if (warmUp > 0) {
            peer.run(warmUp);
        }
        System.gc();
        long begin = System.nanoTime();
        long[][] matrix = peer.run(peer.instances.length);
        double seconds = (System.nanoTime() - begin) / 1e9;
        System.out.printf("{\"seconds\": %s, \"matrix\": %s}%n", seconds, Arrays.deepToString(matrix));
    }

    private long[][] run(int rows) {
        Classifier forest = forest();
        long[][] matrix = new long[classes][classes];
        for (int row = 0; row < rows; row++) {
            Instance instance = instances[row];
            double[] votes = forest.getVotesForInstance(instance);
            int predicted = votes.length == 0 ? 0 : Utils.maxIndex(votes);
            matrix[(int) instance.classValue()][predicted]++;
            forest.trainOnInstance(instance);
        }
        return matrix;
    }

    private Classifier forest() {
        AdaptiveRandomForest forest = new AdaptiveRandomForest();
        forest.ensembleSizeOption.setValue(10);
        forest.setRandomSeed(seed);
        forest.setModelContext(header);
        forest.prepareForUse();
        return forest;
    }

    private static InstancesHeader header(String[] codes, int classes) {
        List<Attribute> attributes = new ArrayList<>();
        for (int feature = 0; feature < codes.length; feature++) {
            int values = Integer.parseInt(codes[feature]);
            String name = "x" + feature;
            attributes.add(values == 0 ? new Attribute(name) : new Attribute(name, numbers(values)));
        }
        attributes.add(new Attribute("class", numbers(classes)));
        InstancesHeader made = new InstancesHeader(new Instances("stream", attributes, 0));
        made.setClassIndex(codes.length);
        return made;
    }

    private static List<String> numbers(int count) {
        List<String> names = new ArrayList<>();
        for (int number = 0; number < count; number++) {
            names.add(Integer.toString(number));
        }
        return names;
    }

    private Instance[] read(Path path, int rows, int features) throws Exception {
        ByteBuffer data = ByteBuffer.wrap(Files.readAllBytes(path)).order(ByteOrder.LITTLE_ENDIAN);
        Instance[] read = new Instance[rows];
        for (int row = 0; row < rows; row++) {
            double[] values = new double[features + 1];
            for (int column = 0; column <= features; column++) {
                values[column] = data.getDouble();
            }
            read[row] = new DenseInstance(1.0, values);
            read[row].setDataset(header);
        }
        return read;
    }
}
