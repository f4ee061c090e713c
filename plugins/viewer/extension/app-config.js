// The viewer's configuration: the same text for everybody. Which images are opened stands in the address:
// ?access=<id> for one opening, ?tenant=<code> for a hospital's own images. The server checks both on every request.
(() => {
  const { texts, language } = window.telerad;
  const address = new URLSearchParams(window.location.search);

  function dicomwebRoot() {
    const access = address.get('access') ?? '';
    const tenant = address.get('tenant') ?? '';
    if (/^[0-9A-Z]{26}$/.test(access)) return `/g/${access}/dicom-web`;
    if (/^[A-Z][A-Z0-9]{1,15}$/.test(tenant)) return `/t/${tenant}/dicom-web`;
    return '/g/-/dicom-web'; // names no opening: every request is answered 404
  }

  if (!window.localStorage.getItem('i18nextLng')) window.localStorage.setItem('i18nextLng', language);

  // What is out of reach does not exist: a search is then answered 404. A missing object alone is no refusal.
  function refused(error) {
    const searched = /\/dicom-web\/studies(\/[0-9.]+\/series)?(\?|$)/.test(error?.request?.responseURL ?? '');
    return error?.status === 401 || error?.status === 403 || (error?.status === 404 && searched);
  }

  // Two keys for one command need different options: the viewer files hotkeys by command and options.
  const hotkey = (commandName, label, key) => ({
    commandName, label, keys: [key], commandOptions: { by: key }, isEditable: true,
  });
  const root = dicomwebRoot();

  window.config = {
    name: 'telerad',
    routerBasename: '/viewer',
    extensions: ['/viewer/ext/telerad.mjs'],
    modes: [],
    customizationService: {
      global: {
        'cornerstone.toolbarButtons': {
          $push: [{
            id: 'TeleradKeyImage',
            uiType: 'ohif.toolButton',
            props: {
              icon: 'action-new-dialog',
              label: texts.keyImage,
              tooltip: texts.keyImageTip,
              commands: 'teleradKeyImage',
              evaluate: 'evaluate.action',
            },
          }],
        },
        'cornerstone.toolbarSections': { primary: { $push: ['TeleradKeyImage'] } },
        'ohif.hotkeyBindings': {
          $push: [
            hotkey('teleradKeyImage', texts.keyImage, 'k'),
            hotkey('teleradKeyImage', texts.keyImage, 'f6'),
            hotkey('teleradKeySeries', texts.keySeries, 'shift+k'),
            hotkey('teleradKeySeries', texts.keySeries, 'f7'),
          ],
        },
        'ohif.tours': { $set: [] },
      },
    },
    whiteLabeling: { createLogoComponentFn: React => React.createElement('span', { style: { color: '#fff' } }, texts.title) },
    showStudyList: false,
    showCPUFallbackMessage: false,
    showLoadingIndicator: true,
    showErrorDetails: 'production',
    investigationalUseDialog: { option: 'never' },
    measurementTrackingMode: 'simplified', // no question after each measurement
    disableConfirmationPrompts: true,
    maxNumberOfWebWorkers: 3,
    strictZSpacingForVolumeViewport: true,
    maxNumRequests: { interaction: 100, thumbnail: 5, prefetch: 25 },
    studyPrefetcher: { enabled: true, displaySetsCount: 2, maxNumPrefetchRequests: 10, order: 'closest' },
    httpErrorHandler: error => {
      if (refused(error)) window.dispatchEvent(new CustomEvent('telerad:refused', { detail: error.status }));
    },
    defaultDataSourceName: 'dicomweb',
    dataSources: [{
      namespace: '@ohif/extension-default.dataSourcesModule.dicomweb',
      sourceName: 'dicomweb',
      configuration: {
        friendlyName: texts.title,
        name: 'telerad',
        qidoRoot: root,
        wadoRoot: root,
        qidoSupportsIncludeField: true,
        supportsFuzzyMatching: false,
        supportsWildcard: true,
        supportsReject: false,
        imageRendering: 'wadors',
        thumbnailRendering: 'wadors',
        enableStudyLazyLoad: true,
        omitQuotationForMultipartRequest: true,
        dicomUploadEnabled: false,
        bulkDataURI: { enabled: true, relativeResolution: 'studies' },
      },
    }],
  };
})();
