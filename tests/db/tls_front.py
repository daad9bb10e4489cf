"""TLS in front of a server that has none: it ends here, as at a provider's proxy, and goes on in plain."""

from __future__ import annotations

import asyncio
import datetime
import ipaddress
import socket
import ssl
import struct
import threading
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

SSL_REQUEST = struct.pack("!ii", 8, 80877103)


def _name(common: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, common)])


@dataclass(frozen=True)
class Authority:
    """Who signs certificates, and the directory where they lie."""

    place: Path
    key: ec.EllipticCurvePrivateKey
    certificate: x509.Certificate

    @classmethod
    def new(cls, place: Path) -> Authority:
        """Make one; its certificate is ``root.crt``."""
        key = ec.generate_private_key(ec.SECP256R1())
        builder = _builder("Mill Authority", "Mill Authority", key).add_extension(
            x509.BasicConstraints(ca=True, path_length=None), critical=True
        )
        made = cls(place, key, builder.sign(key, hashes.SHA256()))
        (place / "root.crt").write_bytes(made.certificate.public_bytes(serialization.Encoding.PEM))
        return made

    def sign(self, common: str, *, days: int = 1) -> tuple[Path, Path]:
        """Make a certificate of a host or a role, and its key; the paths of both."""
        key = ec.generate_private_key(ec.SECP256R1())
        builder = _builder(common, "Mill Authority", key, days=days)
        with suppress(ValueError):
            address = x509.IPAddress(ipaddress.ip_address(common))
            builder = builder.add_extension(x509.SubjectAlternativeName([address]), critical=False)
        if common == "localhost":
            builder = builder.add_extension(x509.SubjectAlternativeName([x509.DNSName(common)]), critical=False)
        certificate, private = self.place / f"{common}.crt", self.place / f"{common}.key"
        signed = builder.sign(self.key, hashes.SHA256())
        certificate.write_bytes(signed.public_bytes(serialization.Encoding.PEM))
        form = serialization.PrivateFormat.PKCS8
        plain = key.private_bytes(serialization.Encoding.PEM, form, serialization.NoEncryption())
        private.write_bytes(plain)
        private.chmod(0o600)
        return certificate, private


def _builder(common: str, issuer: str, key: ec.EllipticCurvePrivateKey, *, days: int = 1) -> x509.CertificateBuilder:
    now = datetime.datetime.now(datetime.UTC)
    return (
        x509.CertificateBuilder()
        .subject_name(_name(common))
        .issuer_name(_name(issuer))
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(days=2))
        .not_valid_after(now + datetime.timedelta(days=days))
    )


class TlsFront:
    """Listens on a port of its own, speaks TLS as PostgreSQL does, and leads to a port of the same machine.

    Args:
        port: of the server behind it.
        certificate: with its key, what it shows.
        clients: who signs the certificates that clients must have; None asks for none.
    """

    def __init__(self, port: int, certificate: tuple[Path, Path], clients: Path | None = None) -> None:
        self.behind = port
        self.context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self.context.load_cert_chain(*certificate)
        self.context.set_alpn_protocols(["postgresql"])
        if clients is not None:
            self.context.load_verify_locations(cafile=clients)
            self.context.verify_mode = ssl.CERT_REQUIRED
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port = self.listener.getsockname()[1]
        self.versions: list[str | None] = []
        threading.Thread(target=self._serve, daemon=True).start()

    def close(self) -> None:
        """Take no more."""
        self.listener.close()

    def _serve(self) -> None:
        while True:
            try:
                client, _ = self.listener.accept()
            except OSError:
                return
            threading.Thread(target=self._one, args=(client,), daemon=True).start()

    def _one(self, client: socket.socket) -> None:
        with suppress(OSError, asyncio.IncompleteReadError):
            first = client.recv(8, socket.MSG_PEEK)
            if first[:1] != b"\x16":  # else TLS begins at once
                if first != SSL_REQUEST:
                    client.close()  # nobody comes in without it
                    return
                client.recv(8)
                client.sendall(b"S")
            with self.context.wrap_socket(client, server_side=True) as inside:
                self.versions.append(inside.version())
                with socket.create_connection(("127.0.0.1", self.behind)) as server:
                    back = threading.Thread(target=_pour, args=(server, inside), daemon=True)
                    back.start()
                    _pour(inside, server)
                    back.join()


def _pour(source: socket.socket, target: socket.socket) -> None:
    with suppress(OSError):
        while piece := source.recv(65536):
            target.sendall(piece)
    with suppress(OSError):
        target.shutdown(socket.SHUT_WR)
