//! Serves the files of its directory, a thread for each connection: what `python3 -m http.server
//! PORT` does, where there is none. `server -m http.server PORT`.

use std::{
    fs,
    io::{self, BufRead as _, BufReader, Write as _},
    net::{TcpListener, TcpStream},
};

fn main() -> io::Result<()> {
    let port = std::env::args().nth(3).and_then(|word| word.parse().ok());
    let listener = TcpListener::bind(("0.0.0.0", port.unwrap_or(8000)))?;
    for stream in listener.incoming() {
        let stream = stream?;
        std::thread::Builder::new().spawn(|| answer(stream))?;
    }
    Ok(())
}

fn answer(mut stream: TcpStream) -> io::Result<()> {
    let mut request = String::new();
    BufReader::new(&stream).read_line(&mut request)?;
    let name = request.split(' ').nth(1).unwrap_or_default().trim_start_matches('/');
    println!("{name}");
    match fs::read(name).ok().filter(|_| !name.contains("..")) {
        Some(body) => {
            stream.write_all(b"HTTP/1.0 200 OK\r\n\r\n")?;
            stream.write_all(&body)
        }
        None => stream.write_all(b"HTTP/1.0 404 Not Found\r\n\r\n"),
    }
}
