import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/** JSON to maps, lists, texts, Long, Double, Boolean and null, and back: Java itself has none. */
final class Json {
  private final String text;
  private int at;

  private Json(String text) {
    this.text = text;
  }

  static Object read(String text) {
    return new Json(text).value();
  }

  private char next() {
    while (text.charAt(at) <= ' ') at++;
    return text.charAt(at);
  }

  private Object value() {
    switch (next()) {
      case '{': {
        Map<String, Object> map = new LinkedHashMap<>();
        for (at++; next() != '}'; at += next() == ',' ? 1 : 0) {
          String key = (String) value();
          if (next() == ':') at++;
          map.put(key, value());
        }
        at++;
        return map;
      }
      case '[': {
        List<Object> list = new ArrayList<>();
        for (at++; next() != ']'; at += next() == ',' ? 1 : 0) list.add(value());
        at++;
        return list;
      }
      case '"': return string();
      default: {
        int start = at;
        while (at < text.length() && ",]} \t".indexOf(text.charAt(at)) < 0) at++;
        String word = text.substring(start, at);
        if (word.equals("null")) return null;
        if (word.equals("true") || word.equals("false")) return word.equals("true");
        return word.matches("-?\\d{1,18}") ? (Object) Long.valueOf(word) : Double.valueOf(word);
      }
    }
  }

  private String string() {
    StringBuilder built = new StringBuilder();
    for (at++; text.charAt(at) != '"'; at++) {
      char mark = text.charAt(at);
      if (mark == '\\') {
        mark = text.charAt(++at);
        int place = "nrtbf".indexOf(mark);
        if (place >= 0) mark = "\n\r\t\b\f".charAt(place);
        if (mark == 'u') {
          mark = (char) Integer.parseInt(text.substring(at + 1, at + 5), 16);
          at += 4;
        }
      }
      built.append(mark);
    }
    at++;
    return built.toString();
  }

  static String write(Object value) {
    StringBuilder built = new StringBuilder();
    write(value, built);
    return built.toString();
  }

  private static void write(Object value, StringBuilder to) {
    if (value instanceof Map<?, ?> map) {
      char before = '{';
      if (map.isEmpty()) to.append('{');
      for (var entry : map.entrySet()) {
        to.append(before);
        write(String.valueOf(entry.getKey()), to);
        write(entry.getValue(), to.append(':'));
        before = ',';
      }
      to.append('}');
    } else if (value instanceof Iterable<?> list) {
      to.append('[');
      String before = "";
      for (Object item : list) {
        write(item, to.append(before));
        before = ",";
      }
      to.append(']');
    } else if (value instanceof Double number && !Double.isFinite(number)) {
      to.append(number.isNaN() ? "null" : number > 0 ? "1e999" : "-1e999");
    } else if (value == null || value instanceof Number || value instanceof Boolean) {
      to.append(value);
    } else {
      to.append('"');
      for (char mark : value.toString().toCharArray()) {
        if (mark == '"' || mark == '\\') to.append('\\').append(mark);
        else if (mark < ' ') to.append(String.format("\\u%04x", (int) mark));
        else to.append(mark);
      }
      to.append('"');
    }
  }
}
