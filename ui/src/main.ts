document.title = 'Tincan';
