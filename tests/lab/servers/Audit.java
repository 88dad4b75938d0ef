import java.io.IOException;
import java.io.PrintStream;
import java.net.InetSocketAddress;
import java.nio.charset.StandardCharsets;
import java.util.Base64;
import java.util.List;
import java.util.Map;
import java.util.stream.Collectors;

/**
 * What the database itself executes: one line for each request that it hands to one of its handlers, before it does.
 *
 * <p>Fields are separated by tabs: client address, client port, method, URI, Authorization values. The URI and each value are base64 of their UTF-8, values are
 * separated by commas, and a request without any has "-".
 */
final class Audit {
  private static PrintStream out;

  private Audit() {}

  static void open(String file) throws IOException {
    out = new PrintStream(file, StandardCharsets.UTF_8);
  }

  static void executed(InetSocketAddress client, String method, String uri, Map<String, List<String>> headers) {
    String credentials =
        headers.entrySet().stream()
            .filter(header -> header.getKey().equalsIgnoreCase("authorization"))
            .flatMap(header -> header.getValue().stream())
            .map(Audit::base64)
            .collect(Collectors.joining(","));
    String line =
        String.join(
            "\t",
            client.getAddress().getHostAddress(),
            Integer.toString(client.getPort()),
            method,
            base64(uri),
            credentials.isEmpty() && !has(headers) ? "-" : credentials);
    synchronized (Audit.class) {
      out.println(line);
      out.flush();
    }
  }

  private static boolean has(Map<String, List<String>> headers) {
    return headers.keySet().stream().anyMatch(name -> name.equalsIgnoreCase("authorization"));
  }

  private static String base64(String text) {
    return Base64.getEncoder().encodeToString(text.getBytes(StandardCharsets.UTF_8));
  }
}
