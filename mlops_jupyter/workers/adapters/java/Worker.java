import java.io.BufferedReader;
import java.io.InputStreamReader;
import java.io.PrintStream;
import java.nio.charset.StandardCharsets;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/** Speaks JSON lines with the hub for a class that implements Worker.Model, named as argument. */
public final class Worker {
  /** What the model is: a list of values for each input, one a row, to as many for each output. */
  public interface Model {
    Map<String, ? extends List<?>> predict(Map<String, List<Object>> inputs) throws Exception;
  }

  public static void main(String[] arguments) throws Exception {
    PrintStream out = new PrintStream(System.out, false, StandardCharsets.UTF_8);
    System.setOut(System.err); // what the model prints belongs into the log
    Model model = (Model) Class.forName(arguments[0]).getDeclaredConstructor().newInstance();
    say(out, Map.of("ready", true));
    var input = new BufferedReader(new InputStreamReader(System.in, StandardCharsets.UTF_8));
    for (String line; (line = input.readLine()) != null; ) {
      say(out, answer(model, line));
    }
  }

  @SuppressWarnings("unchecked")
  private static Map<String, Object> answer(Model model, String line) {
    var request = (Map<String, Object>) Json.read(line);
    var answer = new LinkedHashMap<String, Object>();
    answer.put("id", request.get("id"));
    try {
      answer.put("outputs", model.predict((Map<String, List<Object>>) request.get("inputs")));
    } catch (Throwable problem) {
      problem.printStackTrace();
      String message = String.valueOf(problem.getMessage());
      answer.put("error", Map.of("class", problem.getClass().getSimpleName(), "message", message));
    }
    return answer;
  }

  private static void say(PrintStream out, Map<String, Object> message) {
    out.print(Json.write(message) + "\n");
    out.flush();
  }
}
