// A gateway made of jPOS' own parts (Q2, ChannelAdaptor, QMUX, GenericPackager, Space), told what to send on stdin.
//
//   request TAB milliseconds TAB type TAB 3=000000 TAB ...   one request; its reply, or that there was none in time
//   forward TAB milliseconds TAB type TAB ...                store and forward: the same message until it is answered 00
//   pack TAB 0 TAB type TAB ...                              the message's bytes, nothing is sent
//
// Each line is answered by one line that begins with "=> ". Messages get a MAC (ANSI X9.19) under the key in GATEWAY_KEY.

import java.io.BufferedReader;
import java.io.InputStreamReader;
import java.nio.charset.StandardCharsets;
import java.util.Arrays;
import java.util.TreeMap;
import javax.crypto.Cipher;
import javax.crypto.spec.IvParameterSpec;
import javax.crypto.spec.SecretKeySpec;
import org.jpos.iso.ISOMsg;
import org.jpos.iso.ISOUtil;
import org.jpos.iso.packager.GenericPackager;
import org.jpos.q2.Q2;
import org.jpos.q2.iso.QMUX;
import org.jpos.space.Space;
import org.jpos.space.SpaceFactory;

public class Gateway {
    private static final int MOST_TRIES = 60;
    private static final String QUEUE = "store-and-forward";
    private final GenericPackager packager;
    private final boolean binary;
    private final byte[] key = ISOUtil.hex2byte(System.getenv("GATEWAY_KEY"));
    private final Space<String, ISOMsg> space = SpaceFactory.getSpace("tspace:gateway");
    private QMUX mux;

    private Gateway(String config) throws Exception {
        packager = new GenericPackager("jar:packager/" + config);
        binary = config.contains("binary");
    }

    public static void main(String[] arguments) throws Exception {
        Gateway gateway = new Gateway(arguments[0]);
        Q2 q2 = null;
        if (arguments.length > 1) {
            q2 = new Q2(new String[] {"-d", arguments[1]});
            q2.start();
            gateway.connect(Long.parseLong(arguments[2]));
        }
        System.out.println("=> ready");
        BufferedReader lines = new BufferedReader(new InputStreamReader(System.in));
        for (String line = lines.readLine(); line != null; line = lines.readLine()) {
            System.out.println("=> " + gateway.obey(line.split("\t")));
        }
        if (q2 != null) {
            q2.stop();
        }
        System.exit(0);
    }

    private void connect(long milliseconds) throws Exception {
        long until = System.currentTimeMillis() + milliseconds;
        while (mux == null || !mux.isConnected()) {
            if (System.currentTimeMillis() > until) {
                throw new IllegalStateException("the channel does not connect");
            }
            Thread.sleep(50);
            try {
                mux = (QMUX) QMUX.getMUX("tillnet");
            } catch (org.jpos.util.NameRegistrar.NotFoundException notYet) {
                mux = null;
            }
        }
    }

    private String obey(String[] words) throws Exception {
        ISOMsg message = message(words);
        long patience = Long.parseLong(words[1]);
        switch (words[0]) {
            case "pack":
                return ISOUtil.hexString(message.pack());
            case "request":
                return told(mux.request(message, patience));
            case "forward":
                return forward(message, patience);
            default:
                return "what is " + words[0] + "?";
        }
    }

    /** As jPOS-EE's: the type stays, and only 00 takes a message out of the queue. */
    private String forward(ISOMsg stored, long patience) throws Exception {
        space.out(QUEUE, stored);
        for (int tries = 1; tries <= MOST_TRIES; tries++) {
            ISOMsg next = space.rdp(QUEUE);
            ISOMsg reply = mux.request((ISOMsg) next.clone(), patience);
            if (reply != null && "00".equals(reply.getString(39))) {
                space.inp(QUEUE);
                return "tries=" + tries + "\t" + told(reply);
            }
        }
        space.inp(QUEUE);
        return "given up";
    }

    private ISOMsg message(String[] words) throws Exception {
        ISOMsg message = new ISOMsg();
        message.setPackager(packager);
        message.setMTI(words[2]);
        boolean second = false;
        for (String word : Arrays.copyOfRange(words, 3, words.length)) {
            int middle = word.indexOf('=');
            int number = Integer.parseInt(word.substring(0, middle));
            String value = word.substring(middle + 1);
            if (number == 52 || number == 64 || number == 65 || number == 96 || number == 128) {
                message.set(number, ISOUtil.hex2byte(value));
            } else if (number == 55 && binary) {
                message.set(number, value.getBytes(StandardCharsets.ISO_8859_1));
            } else {
                message.set(number, value);
            }
            second |= number > 64;
        }
        if (words[0].equals("pack")) {
            return message;
        }
        int place = second ? 128 : 64;
        message.set(place, new byte[8]);
        message.set(place, mac(message.pack()));
        return message;
    }

    /** ANSI X9.19 over everything before the MAC itself. */
    private byte[] mac(byte[] packed) throws Exception {
        byte[] covered = Arrays.copyOf(packed, packed.length - (binary ? 8 : 16));
        byte[] padded = Arrays.copyOf(covered, (covered.length + 7) / 8 * 8);
        SecretKeySpec left = new SecretKeySpec(Arrays.copyOfRange(key, 0, 8), "DES");
        SecretKeySpec right = new SecretKeySpec(Arrays.copyOfRange(key, 8, 16), "DES");
        Cipher chain = Cipher.getInstance("DES/CBC/NoPadding");
        chain.init(Cipher.ENCRYPT_MODE, left, new IvParameterSpec(new byte[8]));
        byte[] all = chain.doFinal(padded);
        Cipher open = Cipher.getInstance("DES/ECB/NoPadding");
        open.init(Cipher.DECRYPT_MODE, right);
        Cipher seal = Cipher.getInstance("DES/ECB/NoPadding");
        seal.init(Cipher.ENCRYPT_MODE, left);
        return seal.doFinal(open.doFinal(Arrays.copyOfRange(all, all.length - 8, all.length)));
    }

    private String told(ISOMsg reply) throws Exception {
        if (reply == null) {
            return "timeout";
        }
        TreeMap<Integer, String> fields = new TreeMap<>();
        for (int number = 2; number <= 128; number++) {
            if (reply.hasField(number)) {
                fields.put(number, reply.getString(number));
            }
        }
        int place = reply.hasField(128) ? 128 : 64;
        boolean right = false;
        if (reply.hasField(place)) {
            ISOMsg again = (ISOMsg) reply.clone();
            again.setPackager(packager);
            right = Arrays.equals(mac(again.pack()), reply.getBytes(place));
        }
        StringBuilder text = new StringBuilder(reply.getMTI()).append("\tmac=").append(right);
        fields.forEach((number, value) -> text.append('\t').append(number).append('=').append(value));
        return text.toString();
    }
}
