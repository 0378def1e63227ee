// Prints tests/windows/commons_math.json: the eleven statistics of many cases as the real library gives them.
//
// Made once with OpenJDK 17 and Apache Commons Math 3.6.1 (org.apache.commons:commons-math3:3.6.1):
//
//   mvn dependency:copy -Dartifact=org.apache.commons:commons-math3:3.6.1 -DoutputDirectory=.
//   java -cp commons-math3-3.6.1.jar CommonsMathFixture.java > commons_math.json
//
// Each case holds the readings ("readings") and what the library answers ("library"), in the order of the
// contract. A value is a JSON number in Java's shortest round-trip form, "NaN" or "Infinity", or, where the library
// throws, the name of the exception. The contract's rules for few readings and for constants rank before the
// library's answers; the test says where the two differ.

import java.util.ArrayList;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.function.DoubleSupplier;
import org.apache.commons.math3.stat.correlation.PearsonsCorrelation;
import org.apache.commons.math3.stat.descriptive.DescriptiveStatistics;
import org.apache.commons.math3.stat.regression.SimpleRegression;

public class CommonsMathFixture {

  static String number(DoubleSupplier statistic) {
    try {
      double value = statistic.getAsDouble();
      return Double.isNaN(value) || Double.isInfinite(value) ? "\"" + value + "\"" : Double.toString(value);
    } catch (RuntimeException error) {
      return "\"" + error.getClass().getSimpleName() + "\"";
    }
  }

  static List<String> library(double[] readings) {
    DescriptiveStatistics statistics = new DescriptiveStatistics(); // percentile: EstimationType.LEGACY
    SimpleRegression regression = new SimpleRegression();
    double[] index = new double[readings.length];
    for (int i = 0; i < readings.length; i++) {
      statistics.addValue(readings[i]);
      regression.addData(i, readings[i]);
      index[i] = i;
    }
    return List.of(
        number(statistics::getMin),
        number(statistics::getMax),
        number(statistics::getMean),
        number(statistics::getStandardDeviation),
        number(() -> statistics.getPercentile(25)),
        number(() -> statistics.getPercentile(50)),
        number(() -> statistics.getPercentile(75)),
        number(statistics::getSkewness),
        number(statistics::getKurtosis),
        number(regression::getSlope),
        number(() -> new PearsonsCorrelation().correlation(index, readings)));
  }

  static double[] filled(int n, double value) {
    double[] readings = new double[n];
    Arrays.fill(readings, value);
    return readings;
  }

  static Map<String, double[]> cases() {
    Map<String, double[]> cases = new LinkedHashMap<>();
    Random random = new Random(3);
    cases.put("the contract's example", new double[] {40, 35, 45, 40});
    for (int n = 0; n <= 50; n++) {
      cases.put("normal, n=" + n, random.doubles(n).map(u -> 50 + 12 * random.nextGaussian()).toArray());
    }
    for (int n : new int[] {1, 2, 3, 4, 5, 10, 31}) {
      cases.put("constant 0, n=" + n, filled(n, 0));
      cases.put("constant 7, n=" + n, filled(n, 7));
      cases.put("constant 0.1, n=" + n, filled(n, 0.1));
      cases.put("constant -1e9, n=" + n, filled(n, -1e9));
    }
    for (int n : new int[] {2, 3, 4, 5, 6, 12, 30}) {
      cases.put("ties, n=" + n, random.ints(n, 0, 3).asDoubleStream().toArray());
      cases.put("one spike, n=" + n, filled(n, 1));
      cases.get("one spike, n=" + n)[n / 2] = 1000;
      double[] line = new double[n];
      for (int i = 0; i < n; i++) {
        line[i] = 3 - 0.5 * i;
      }
      cases.put("falling line, n=" + n, line);
      cases.put("log-normal, n=" + n, random.doubles(n).map(u -> Math.exp(2 * random.nextGaussian())).toArray());
      cases.put("times 1e12, n=" + n, random.doubles(n).map(u -> 1e12 * (u + 0.5)).toArray());
      cases.put("times 1e-12, n=" + n, random.doubles(n).map(u -> 1e-12 * (u - 0.5)).toArray());
      cases.put("1e9 and a little, n=" + n, random.doubles(n).map(u -> 1e9 + Math.floor(100 * u)).toArray());
      cases.put("1e6 and a hair, n=" + n, random.doubles(n).map(u -> 1e6 + 1e-3 * u).toArray());
      cases.put("both signs, n=" + n, random.doubles(n).map(u -> 200 * u - 100).toArray());
    }
    cases.put("1e150 and its half", new double[] {1e150, 5e149, 1e150, 5e149, 7e149});
    cases.put("1e-150 and its half", new double[] {1e-150, 5e-151, 1e-150, 5e-151, 7e-151});
    return cases;
  }

  public static void main(String[] arguments) {
    List<String> lines = new ArrayList<>();
    cases().forEach((name, readings) -> lines.add(
        "{\"name\": \"" + name + "\", \"readings\": " + Arrays.toString(readings)
            + ", \"library\": " + library(readings) + "}"));
    System.out.println("[\n" + String.join(",\n", lines) + "\n]");
  }
}
