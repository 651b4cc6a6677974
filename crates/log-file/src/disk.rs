//! What a log asks of a disk, so that tests can put one below it that fails, fills
//! up, or loses power.

use std::any::Any;
use std::fs::{self, File};
use std::io;
use std::os::unix::fs::FileExt;
use std::path::Path;
use std::sync::Arc;

use rustix::fs::{FlockOperation, flock, statvfs};

/// What stands for a byte that the machine cannot read. Not zero: zeros are what a
/// power cut leaves of what was never acknowledged.
pub(crate) const UNREADABLE: u8 = 0xff;
/// A disk fails by pages or by larger pieces.
const PAGE_BYTES: usize = 4096;

/// Holds a folder's lock until it is dropped.
pub type Lock = Box<dyn Any + Send>;

/// Folders and files. What was written or renamed may be lost in a power cut until
/// it is synced: bytes by [`DiskFile`], names by [`Disk::sync_folder`].
pub trait Disk: Send + Sync + 'static {
    /// Makes a folder and those above it; well if it is there.
    ///
    /// # Errors
    /// Those of the machine, here and below.
    fn make_folder(&self, folder: &Path) -> io::Result<()>;
    /// Takes the lock of a folder; `None` while somebody else holds it.
    ///
    /// # Errors
    /// As above.
    fn lock(&self, folder: &Path) -> io::Result<Option<Lock>>;
    /// The names of the files in a folder, in any order.
    ///
    /// # Errors
    /// As above.
    fn names(&self, folder: &Path) -> io::Result<Vec<String>>;
    /// Opens a file that is there.
    ///
    /// # Errors
    /// [`io::ErrorKind::NotFound`], and as above.
    fn open(&self, path: &Path) -> io::Result<Arc<dyn DiskFile>>;
    /// Makes an empty file, in place of one that is there.
    ///
    /// # Errors
    /// As above.
    fn create(&self, path: &Path) -> io::Result<Arc<dyn DiskFile>>;
    /// Gives a file another name within its folder, in place of one that is there.
    ///
    /// # Errors
    /// As above.
    fn rename(&self, from: &Path, to: &Path) -> io::Result<()>;
    /// Deletes a file.
    ///
    /// # Errors
    /// As above.
    fn remove(&self, path: &Path) -> io::Result<()>;
    /// Makes the names in a folder durable.
    ///
    /// # Errors
    /// As above.
    fn sync_folder(&self, folder: &Path) -> io::Result<()>;
    /// Bytes that this process may still write below a folder.
    ///
    /// # Errors
    /// As above.
    fn free_bytes(&self, folder: &Path) -> io::Result<u64>;

    /// All of a file. Pages that the machine cannot read are filled with
    /// [`UNREADABLE`], which no checksum lets pass.
    ///
    /// # Errors
    /// As for [`Disk::open`].
    fn read(&self, path: &Path) -> io::Result<Vec<u8>> {
        let file = self.open(path)?;
        let length = usize::try_from(file.length()?).map_err(io::Error::other)?;
        let mut bytes = vec![0; length];
        match file.read_at(&mut bytes, 0) {
            Ok(read) => bytes.truncate(read),
            Err(error) => {
                let path = path.display();
                tracing::error!(%path, %error, "a file cannot be read as a whole");
                for (page, at) in bytes.chunks_mut(PAGE_BYTES).zip((0..).step_by(PAGE_BYTES)) {
                    if file.read_at(page, at).is_err() {
                        page.fill(UNREADABLE);
                    }
                }
            }
        }
        Ok(bytes)
    }
}

/// An open file.
pub trait DiskFile: Send + Sync {
    /// Bytes of the file.
    ///
    /// # Errors
    /// Those of the machine, here and below.
    fn length(&self) -> io::Result<u64>;
    /// Fills the buffer from an offset on; returns how much of it, less than all
    /// only at the end of the file.
    ///
    /// # Errors
    /// As above.
    fn read_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<usize>;
    /// Writes all of the bytes at an offset.
    ///
    /// # Errors
    /// As above; any part may then be written.
    fn write_at(&self, bytes: &[u8], offset: u64) -> io::Result<()>;
    /// Cuts the file, or lengthens it with zeros.
    ///
    /// # Errors
    /// As above.
    fn set_length(&self, length: u64) -> io::Result<()>;
    /// Makes all that was written durable, and the length where it is needed to
    /// read it.
    ///
    /// # Errors
    /// As above; what was written is then perhaps lost, and stays so.
    fn sync(&self) -> io::Result<()>;
}

/// The machine's own.
#[derive(Debug, Clone, Copy)]
pub struct RealDisk;

impl Disk for RealDisk {
    fn make_folder(&self, folder: &Path) -> io::Result<()> {
        fs::create_dir_all(folder)
    }

    fn lock(&self, folder: &Path) -> io::Result<Option<Lock>> {
        let path = folder.join("lock");
        let file = match File::options().create(true).append(true).open(&path) {
            // Who may read it can hold it, and sees who holds it.
            Err(error) if is_read_only(&error) => File::open(&path).map_err(|_| error)?,
            file => file?,
        };
        match flock(&file, FlockOperation::NonBlockingLockExclusive) {
            Ok(()) => Ok(Some(Box::new(file))),
            Err(rustix::io::Errno::WOULDBLOCK) => Ok(None),
            Err(error) => Err(error.into()),
        }
    }

    fn names(&self, folder: &Path) -> io::Result<Vec<String>> {
        let mut names = Vec::new();
        for entry in fs::read_dir(folder)? {
            // A name that is no text is none of ours.
            names.extend(entry?.file_name().into_string().ok());
        }
        Ok(names)
    }

    fn open(&self, path: &Path) -> io::Result<Arc<dyn DiskFile>> {
        match File::options().read(true).write(true).open(path) {
            // Where nothing can be written, a file can still be read.
            Err(error) if is_read_only(&error) => Ok(Arc::new(File::open(path)?)),
            file => Ok(Arc::new(file?)),
        }
    }

    fn create(&self, path: &Path) -> io::Result<Arc<dyn DiskFile>> {
        let mut options = File::options();
        options.create(true).truncate(true).read(true).write(true);
        Ok(Arc::new(options.open(path)?))
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        fs::rename(from, to)
    }

    fn remove(&self, path: &Path) -> io::Result<()> {
        fs::remove_file(path)
    }

    fn sync_folder(&self, folder: &Path) -> io::Result<()> {
        File::open(folder)?.sync_all()
    }

    fn free_bytes(&self, folder: &Path) -> io::Result<u64> {
        let space = statvfs(folder)?;
        Ok(space.f_bavail.saturating_mul(space.f_frsize))
    }
}

impl DiskFile for File {
    fn length(&self) -> io::Result<u64> {
        Ok(self.metadata()?.len())
    }

    fn read_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<usize> {
        let mut read = 0;
        while read < buffer.len() {
            match FileExt::read_at(self, &mut buffer[read..], offset + read as u64) {
                Ok(0) => break,
                Ok(more) => read += more,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        Ok(read)
    }

    fn write_at(&self, bytes: &[u8], offset: u64) -> io::Result<()> {
        self.write_all_at(bytes, offset)
    }

    fn set_length(&self, length: u64) -> io::Result<()> {
        self.set_len(length)
    }

    fn sync(&self) -> io::Result<()> {
        self.sync_data()
    }
}

/// Whether an error says that nothing may be written there.
pub(crate) fn is_read_only(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::ReadOnlyFilesystem | io::ErrorKind::PermissionDenied
    )
}

/// Whether an error says that there is no space.
pub(crate) fn is_full(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded
    )
}
