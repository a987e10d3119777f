// digidoc4j judges our containers, or makes one for us to judge. Run by tests/interop/run from the source.
//
//   Peer judge DIR CONTAINER...   a line for each: "valid LT 1 CONTAINER", or "invalid ..." with its errors
//   Peer sign DIR CONTAINER       signs DIR/data.txt with DIR/signer.p12, stamped and answered by the addresses in DIR/url
import java.io.FileInputStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.cert.CertificateFactory;
import java.security.cert.X509Certificate;
import java.util.stream.Collectors;
import org.digidoc4j.Configuration;
import org.digidoc4j.Container;
import org.digidoc4j.ContainerBuilder;
import org.digidoc4j.ContainerOpener;
import org.digidoc4j.DataToSign;
import org.digidoc4j.Signature;
import org.digidoc4j.SignatureBuilder;
import org.digidoc4j.SignatureProfile;
import org.digidoc4j.ContainerValidationResult;
import org.digidoc4j.impl.asic.tsl.TSLCertificateSourceImpl;
import org.digidoc4j.signers.PKCS12SignatureToken;

public class Peer {
  static Configuration configuration(Path dir) throws Exception {
    Configuration configuration = new Configuration(Configuration.Mode.PROD);
    // A source of our own first: asking for the one it has would fetch the list of lists.
    configuration.setTSL(new TSLCertificateSourceImpl());
    for (String anchor : new String[] {"authority.pem", "stamper.pem"}) {
      try (FileInputStream in = new FileInputStream(dir.resolve(anchor).toFile())) {
        configuration.getTSL().addTSLCertificate(
            (X509Certificate) CertificateFactory.getInstance("X.509").generateCertificate(in));
      }
    }
    configuration.setPreferAiaOcsp(false);
    configuration.setAiaSourceFactory(() -> null);
    String url = Files.readString(dir.resolve("url")).trim();
    configuration.setOcspSource(url + "/ocsp");
    configuration.setTspSource(url + "/stamp");
    return configuration;
  }

  public static void main(String[] args) throws Exception {
    Path dir = Path.of(args[1]);
    Configuration configuration = configuration(dir);
    if (args[0].equals("sign")) {
      Container container = ContainerBuilder.aContainer(Container.DocumentType.ASICE)
          .withConfiguration(configuration)
          .withDataFile(dir.resolve("data.txt").toString(), "text/plain").build();
      Signature signature = SignatureBuilder.aSignature(container)
          .withSignatureProfile(SignatureProfile.LT)
          .withSignatureToken(new PKCS12SignatureToken(dir.resolve("signer.p12").toString(), "test".toCharArray()))
          .invokeSigning();
      container.addSignature(signature);
      container.saveAsFile(args[2]);
      System.exit(0);
    }
    for (int i = 2; i < args.length; ++i) {
      String name = Path.of(args[i]).getFileName().toString();
      try {
        Container container = ContainerOpener.open(args[i], configuration);
        ContainerValidationResult result = container.validate();
        String levels = container.getSignatures().stream().map(s -> s.getProfile().name()).distinct()
            .collect(Collectors.joining(","));
        System.out.println((result.isValid() ? "valid " : "invalid ") + levels + " "
            + container.getSignatures().size() + " " + name
            + (result.isValid() ? "" : " " + result.getErrors()));
      } catch (Exception e) {
        System.out.println("invalid - 0 " + name + " " + e);
      }
    }
    // Its thread pools would keep the program.
    System.exit(0);
  }
}
