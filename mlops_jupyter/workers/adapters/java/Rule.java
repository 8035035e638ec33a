import java.util.List;
import java.util.Map;

/** The model: `inputs` holds a list of values for each input, one a row, null where missing. */
public final class Rule implements Worker.Model {
  @Override
  public Map<String, ? extends List<?>> predict(Map<String, List<Object>> inputs) {
    List<Object> texts = inputs.get("text");
    return Map.of("topic", texts.stream().map(Rule::topic).toList());
  }

  private static String topic(Object text) {
    String lower = text == null ? "" : text.toString().toLowerCase();
    return lower.contains("bank") || lower.contains("market") ? "economy" : "other";
  }
}
