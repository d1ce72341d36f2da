//! Tells the daemon that there is something to take in, and never waits for it.

use std::path::Path;

use rustix::net::{
    AddressFamily, SendFlags, SocketAddrUnix, SocketFlags, SocketType, sendto, socket_with,
};

/// Rings. A daemon that is down, stopped or busy hears nothing, and looks by itself later.
pub fn ring(bell: &Path) {
    let flags = SocketFlags::CLOEXEC | SocketFlags::NONBLOCK;
    let socket = socket_with(AddressFamily::UNIX, SocketType::DGRAM, flags, None);
    let (Ok(socket), Ok(address)) = (socket, SocketAddrUnix::new(bell)) else { return };
    // Nobody is there, or too many have rung already.
    let _ = sendto(&socket, b"h", SendFlags::DONTWAIT | SendFlags::NOSIGNAL, &address);
}

#[cfg(test)]
mod tests {
    use std::os::unix::net::UnixDatagram;

    use super::*;

    #[test]
    fn a_bell_that_nobody_hears_holds_nobody_up() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("bell");
        ring(&path);
        let daemon = UnixDatagram::bind(&path).unwrap();
        // Far more than wait in a socket that nobody reads.
        for _ in 0..2000 {
            ring(&path);
        }
        let mut byte = [0; 8];
        assert_eq!(daemon.recv(&mut byte).unwrap(), 1);
    }
}
